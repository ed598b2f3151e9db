package main

import (
	"encoding/json"
	"errors"
	"fmt"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/pod-security-admission/api"
	"sigs.k8s.io/yaml"
)

// checker knows what resources may be like. One goroutine may call it.
type checker struct {
	decoder runtime.Decoder // of resources that are Go types
	scheme  *runtime.Scheme
	customs map[schema.GroupVersionKind]*custom
	pods    *podRules // nil: any pod will do
}

func newChecker(crds, pods string) (*checker, error) {
	c := &checker{scheme: runtime.NewScheme()}
	for _, add := range []func(*runtime.Scheme) error{
		core.AddToScheme, apps.AddToScheme, autoscaling.AddToScheme, batch.AddToScheme, networking.AddToScheme, policy.AddToScheme,
		rbac.AddToScheme, monitoring.AddToScheme,
	} {
		if err := add(c.scheme); err != nil {
			return nil, err
		}
	}
	c.decoder = serializer.NewCodecFactory(c.scheme, serializer.EnableStrict).UniversalDeserializer()
	var err error
	if c.customs, err = readCustoms(crds); err != nil {
		return nil, err
	}
	if pods != "" {
		c.pods, err = newPodRules(api.Level(pods))
	}
	return c, err
}

// check gives the name of what is in a document, KIND/NAME, and what is wrong with it.
func (c *checker) check(document []byte) (name string, mistakes []error) {
	raw, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return "?", []error{err}
	}
	var head struct {
		APIVersion string
		Kind       string
		Metadata   struct{ Name, GenerateName string }
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return "?", []error{err}
	}
	name = head.Kind + "/" + head.Metadata.Name + head.Metadata.GenerateName
	kind := schema.FromAPIVersionAndKind(head.APIVersion, head.Kind)
	switch own := c.customs[kind]; {
	case head.Metadata.Name+head.Metadata.GenerateName == "":
		return name, []error{errors.New("metadata.name is missing")}
	case own != nil:
		return name, own.check(raw)
	case !c.scheme.Recognizes(kind):
		return name, []error{fmt.Errorf("nobody knows %s of %s", head.Kind, head.APIVersion)}
	}
	object, _, err := c.decoder.Decode(raw, nil, nil)
	if err != nil {
		if strict, ok := runtime.AsStrictDecodingError(err); ok {
			return name, strict.Errors()
		}
		return name, []error{err}
	}
	if c.pods != nil {
		mistakes = c.pods.check(object)
	}
	return name, mistakes
}
