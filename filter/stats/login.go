package stats

import "strings"

// Login is the metrics of the logins by one mechanism. The zero Login drops everything.
type Login struct {
	// Succeeded counts the logins, and Renewed those of clients that were logged in already.
	Succeeded, Renewed Value

	failed map[string]Value
}

// Failed counts the logins that failed for a reason; for one that is not known it drops everything.
func (l *Login) Failed(reason string) Value { return l.failed[reason] }

// FailedAll is how many logins have failed, for whatever reason.
func (l *Login) FailedAll() (sum int64) {
	for _, v := range l.failed {
		sum += v.Load()
	}
	return sum
}

// rows are the metrics that each mechanism has once.
func (l *Login) rows() []row {
	return []row{
		{&l.Succeeded, Metric{Name: "succeeded", Unit: "logins", Help: "Logins of clients, by mechanism."}},
		{&l.Renewed, Metric{Name: "renewed", Unit: "logins", Help: "Logins of clients that were logged in already (KIP-368)."}},
	}
}

func loginScope(mechanism string) scope {
	return scoped("logins", strings.ReplaceAll(strings.ToLower(mechanism), "-", "_"), LabelMechanism)
}

const (
	// OtherMechanism stands for the mechanisms by which clients may not log in.
	OtherMechanism = "other"
	// NoMechanism is the reason why logins by these fail.
	NoMechanism = "mechanism"
)

// loginTable lists the metrics of logins, if clients log in.
func loginTable(mechanisms, reasons []string) (t Table) {
	for _, mechanism := range mechanisms {
		of := loginScope(mechanism)
		t = appendRows(t, of, new(Login).rows())
		for _, reason := range reasons {
			t = append(t, loginFailure(of, reason))
		}
	}
	if len(mechanisms) > 0 {
		t = append(t, loginFailure(loginScope(OtherMechanism), NoMechanism))
	}
	return t
}

func loginFailure(of scope, reason string) Metric {
	m := of.metric(Metric{Name: "failed", Unit: "logins", Help: "Logins of clients that failed, by mechanism and reason."})
	return with(m, reason, LabelFailure, reason)
}
