package stats

// ByName gives any metric.
func (s *Set) ByName(name string) Value { return s.byName[name] }
