// A server of EndpointSlices alone: Kubernetes' own library of API servers, its types and storage.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"

	discovery "k8s.io/api/discovery/v1"
	generated "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/storage/names"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/util/compatibility"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

type strategy struct {
	runtime.ObjectTyper
	names.NameGenerator
}

func (strategy) NamespaceScoped() bool                                                 { return true }
func (strategy) PrepareForCreate(context.Context, runtime.Object)                      {}
func (strategy) PrepareForUpdate(context.Context, runtime.Object, runtime.Object)      {}
func (strategy) Validate(context.Context, runtime.Object) field.ErrorList              { return nil }
func (strategy) ValidateUpdate(_ context.Context, _, _ runtime.Object) field.ErrorList { return nil }
func (strategy) WarningsOnCreate(context.Context, runtime.Object) []string             { return nil }
func (strategy) WarningsOnUpdate(_ context.Context, _, _ runtime.Object) []string      { return nil }
func (strategy) Canonicalize(runtime.Object)                                           {}
func (strategy) AllowCreateOnUpdate() bool                                             { return false }
func (strategy) AllowUnconditionalUpdate() bool                                        { return true }

// definitions says of slices that they are objects: no more is needed to serve them.
func definitions(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
	found := generated.GetOpenAPIDefinitions(ref)
	anything := spec.Schema{SchemaProps: spec.SchemaProps{Type: []string{"object"}}}
	anything.AddExtension("x-kubernetes-preserve-unknown-fields", true)
	for _, name := range []string{discovery.EndpointSlice{}.OpenAPIModelName(), discovery.EndpointSliceList{}.OpenAPIModelName()} {
		found[name] = common.OpenAPIDefinition{Schema: anything}
	}
	return found
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	etcd := flag.String("etcd-servers", "", "")
	port := flag.Int("secure-port", 0, "")
	cert := flag.String("tls-cert-file", "", "")
	key := flag.String("tls-private-key-file", "", "")
	flag.Parse()

	scheme := runtime.NewScheme()
	must(discovery.AddToScheme(scheme))
	internal := schema.GroupVersion{Group: discovery.GroupName, Version: runtime.APIVersionInternal}
	scheme.AddKnownTypes(internal, &discovery.EndpointSlice{}, &discovery.EndpointSliceList{})
	must(scheme.SetVersionPriority(discovery.SchemeGroupVersion))
	v1 := schema.GroupVersion{Version: "v1"}
	metav1.AddToGroupVersion(scheme, v1)
	scheme.AddUnversionedTypes(v1, &metav1.Status{}, &metav1.APIVersions{}, &metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
	codecs := serializer.NewCodecFactory(scheme)

	config := genericapiserver.NewRecommendedConfig(codecs)
	config.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	config.SkipOpenAPIInstallation = true
	config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(definitions, openapinamer.NewDefinitionNamer(scheme))
	config.Authorization.Authorizer = authorizerfactory.NewAlwaysAllowAuthorizer()
	serving := options.NewSecureServingOptions().WithLoopback()
	serving.BindAddress = net.ParseIP("127.0.0.1")
	serving.BindPort = *port
	serving.ServerCert.CertKey.CertFile = *cert
	serving.ServerCert.CertKey.KeyFile = *key
	must(serving.ApplyTo(&config.SecureServing, &config.LoopbackClientConfig))
	store := options.NewEtcdOptions(storagebackend.NewDefaultConfig("/registry", codecs.LegacyCodec(discovery.SchemeGroupVersion)))
	store.StorageConfig.Transport.ServerList = []string{*etcd}
	must(store.ApplyTo(&config.Config))

	server, err := config.Complete().New("slices", genericapiserver.NewEmptyDelegate())
	must(err)
	how := strategy{scheme, names.SimpleNameGenerator}
	slices := &registry.Store{
		NewFunc:                   func() runtime.Object { return &discovery.EndpointSlice{} },
		NewListFunc:               func() runtime.Object { return &discovery.EndpointSliceList{} },
		DefaultQualifiedResource:  schema.GroupResource{Group: discovery.GroupName, Resource: "endpointslices"},
		SingularQualifiedResource: schema.GroupResource{Group: discovery.GroupName, Resource: "endpointslice"},
		CreateStrategy:            how, UpdateStrategy: how, DeleteStrategy: how,
		TableConvertor: rest.NewDefaultTableConvertor(schema.GroupResource{Group: discovery.GroupName, Resource: "endpointslices"}),
	}
	must(slices.CompleteWithOptions(&generic.StoreOptions{RESTOptions: config.RESTOptionsGetter}))
	group := genericapiserver.NewDefaultAPIGroupInfo(discovery.GroupName, scheme, runtime.NewParameterCodec(scheme), codecs)
	group.VersionedResourcesStorageMap["v1"] = map[string]rest.Storage{"endpointslices": slices}
	must(server.InstallAPIGroup(&group))
	fmt.Println("made of", config.EffectiveVersion.BinaryVersion())
	must(server.PrepareRun().RunWithContext(genericapiserver.SetupSignalContext()))
}
