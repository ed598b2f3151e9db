package main

import (
	"errors"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// podRules are a level of the Pod Security Standards, as the API server applies it to a namespace.
type podRules struct {
	level     api.LevelVersion
	evaluator policy.Evaluator
}

func newPodRules(level api.Level) (*podRules, error) {
	if !level.Valid() {
		return nil, errors.New("-pods wants privileged, baseline or restricted")
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	return &podRules{api.LevelVersion{Level: level, Version: api.LatestVersion()}, evaluator}, err
}

// check says what of the pods of a workload is not allowed.
func (p *podRules) check(object runtime.Object) (mistakes []error) {
	pod := podOf(object)
	if pod == nil {
		return nil
	}
	for _, result := range p.evaluator.EvaluatePod(p.level, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			mistakes = append(mistakes, errors.New(result.ForbiddenReason+": "+result.ForbiddenDetail))
		}
	}
	return mistakes
}

// podOf is the pod that a resource has made, or nil.
func podOf(object runtime.Object) *core.PodTemplateSpec {
	switch o := object.(type) {
	case *core.Pod:
		return &core.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}
	case *apps.Deployment:
		return &o.Spec.Template
	case *apps.StatefulSet:
		return &o.Spec.Template
	case *apps.DaemonSet:
		return &o.Spec.Template
	case *batch.Job:
		return &o.Spec.Template
	default:
		return nil
	}
}
