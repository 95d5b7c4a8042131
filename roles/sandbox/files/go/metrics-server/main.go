// Copyright: (c) 2026, mlops.ack contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

// metrics-server for the sandbox: the project's own server, scraper and storage behind the few flags that the sandbox
// sets. The project's own command does not compile against the Kubernetes modules that everything else here shares, and
// a build against its own would compile all of Kubernetes twice.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/util/compatibility"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/metrics-server/pkg/api"
	generatedopenapi "sigs.k8s.io/metrics-server/pkg/api/generated/openapi"
	"sigs.k8s.io/metrics-server/pkg/scraper/client"
	"sigs.k8s.io/metrics-server/pkg/server"
)

type settings struct {
	port       int
	certDir    string
	kubeletCA  string
	resolution time.Duration
	timeout    time.Duration
}

func main() {
	var s settings
	flag.IntVar(&s.port, "secure-port", 10250, "port to serve HTTPS on")
	flag.StringVar(&s.certDir, "cert-dir", "/tmp", "folder for the self-signed serving certificate")
	flag.StringVar(&s.kubeletCA, "kubelet-certificate-authority", "", "file of the CA that signed the kubelets' certificates")
	flag.DurationVar(&s.resolution, "metric-resolution", 15*time.Second, "time between two looks at the kubelets")
	flag.DurationVar(&s.timeout, "kubelet-request-timeout", 10*time.Second, "longest wait for a kubelet")
	flag.Parse()
	if err := s.run(); err != nil {
		fmt.Fprintln(os.Stderr, "metrics-server:", err)
		os.Exit(1)
	}
}

func (s settings) run() error {
	defer klog.Flush()
	if s.timeout >= s.resolution {
		return errors.New("--kubelet-request-timeout must be shorter than --metric-resolution")
	}
	apiServer, err := s.apiServer()
	if err != nil {
		return err
	}
	cluster, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	complete, err := server.Config{
		Apiserver:        apiServer,
		Rest:             cluster,
		Kubelet:          s.kubelet(cluster),
		MetricResolution: s.resolution,
		ScrapeTimeout:    s.timeout,
	}.Complete()
	if err != nil {
		return err
	}
	return complete.RunUntil(genericapiserver.SetupSignalHandler())
}

// kubelet says how kubelets are reached: at the node's internal address and published port, with this pod's token.
func (s settings) kubelet(cluster *rest.Config) *client.KubeletClientConfig {
	config := rest.CopyConfig(cluster)
	if s.kubeletCA != "" {
		config.TLSClientConfig = rest.TLSClientConfig{CAFile: s.kubeletCA}
	}
	return &client.KubeletClientConfig{
		Client:              *config,
		AddressTypePriority: []corev1.NodeAddressType{corev1.NodeInternalIP},
		Scheme:              "https",
		DefaultPort:         10250,
		UseNodeStatusPort:   true,
	}
}

// apiServer configures an aggregated API server that lets the cluster's own decide who may ask.
func (s settings) apiServer() (*genericapiserver.Config, error) {
	serving := genericoptions.NewSecureServingOptions().WithLoopback()
	serving.BindPort = s.port
	serving.ServerCert.CertDirectory = s.certDir
	if err := serving.MaybeDefaultWithSelfSignedCerts("localhost", nil, []net.IP{net.IPv4(127, 0, 0, 1)}); err != nil {
		return nil, err
	}
	config := genericapiserver.NewConfig(api.Codecs)
	if err := serving.ApplyTo(&config.SecureServing, &config.LoopbackClientConfig); err != nil {
		return nil, err
	}
	authentication := genericoptions.NewDelegatingAuthenticationOptions()
	if err := authentication.ApplyTo(&config.Authentication, config.SecureServing, nil); err != nil {
		return nil, err
	}
	if err := genericoptions.NewDelegatingAuthorizationOptions().ApplyTo(&config.Authorization); err != nil {
		return nil, err
	}
	names := openapinamer.NewDefinitionNamer(api.Scheme)
	config.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	config.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(generatedopenapi.GetOpenAPIDefinitions, names)
	config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(generatedopenapi.GetOpenAPIDefinitions, names)
	config.OpenAPIConfig.Info.Title = "metrics-server"
	config.OpenAPIV3Config.Info.Title = "metrics-server"
	return config, nil
}
