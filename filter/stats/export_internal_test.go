package stats

// ByName gives any metric.
func (s *Set) ByName(name string) Value { return s.byName[name] }

// BuildName is the name of the metric of a build.
func BuildName(version string) string { return buildName(version) }
