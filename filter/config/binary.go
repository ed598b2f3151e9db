package config

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// checkNothingUnknown refuses fields that came in binary form with numbers that m does not have.
func checkNothingUnknown(bad *mistakes, path string, m protoreflect.Message) {
	for rest := m.GetUnknown(); len(rest) > 0; {
		number, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			break
		}
		bad.add(path, "unknown field number %d; this version of the filter does not know it, or knows it with another type", number)
		rest = rest[n:]
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.Kind() != protoreflect.MessageKind || f.IsMap(): // maps hold texts
		case f.IsList():
			list := m.Get(f).List()
			for j := range list.Len() {
				checkNothingUnknown(bad, index(join(path, f.TextName()), j), list.Get(j).Message())
			}
		case m.Has(f):
			checkNothingUnknown(bad, join(path, f.TextName()), m.Get(f).Message())
		}
	}
}
