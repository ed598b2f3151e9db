package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	definitions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// custom is one version of a custom resource.
type custom struct {
	shape  *structural.Structural
	values validation.SchemaValidator
}

// readCustoms reads the definitions in the files of a folder.
func readCustoms(dir string) (map[schema.GroupVersionKind]*custom, error) {
	customs := map[schema.GroupVersionKind]*custom{}
	if dir == "" {
		return customs, nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("there is no definition in %s", dir)
	}
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		documents, err := read(nil, file)
		if err != nil {
			return nil, err
		}
		for _, document := range documents {
			if err := define(customs, document); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return customs, nil
}

// define adds the resources of one definition; other documents that stand among them are left alone.
func define(customs map[schema.GroupVersionKind]*custom, document []byte) error {
	var d definitions.CustomResourceDefinition
	if err := yaml.Unmarshal(document, &d); err != nil {
		return err
	}
	if d.Kind != "CustomResourceDefinition" {
		return nil
	}
	for _, v := range d.Spec.Versions {
		if v.Schema == nil {
			return fmt.Errorf("%s of %s has no schema", d.Spec.Names.Kind, v.Name)
		}
		var props apiextensions.JSONSchemaProps
		err := definitions.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, &props, nil)
		if err != nil {
			return err
		}
		c := &custom{}
		if c.shape, err = structural.NewStructural(&props); err != nil {
			return err
		}
		if c.values, _, err = validation.NewSchemaValidator(&props); err != nil {
			return err
		}
		customs[schema.GroupVersionKind{Group: d.Spec.Group, Version: v.Name, Kind: d.Spec.Names.Kind}] = c
	}
	return nil
}

// check says what is wrong with a resource.
func (c *custom) check(raw []byte) (mistakes []error) {
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		return []error{err}
	}
	for _, e := range validation.ValidateCustomResource(nil, object, c.values) {
		mistakes = append(mistakes, e)
	}
	known, unknown := objectmeta.CoerceWithOptions(nil, object, c.shape, true, objectmeta.CoerceOptions{ReturnUnknownFieldPaths: true})
	if known != nil {
		mistakes = append(mistakes, known)
	}
	unknown = append(unknown, pruning.PruneWithOptions(object, c.shape, true, structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
	for _, path := range unknown {
		mistakes = append(mistakes, fmt.Errorf("unknown field %q", path))
	}
	return mistakes
}
