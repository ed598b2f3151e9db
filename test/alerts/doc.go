// Package alerts proves examples/grafana: the dashboard, the alerts, and what docs/operations.md says of them.
//
// Every metric and label that they name is one of the table (names_test.go). promtool checks the alerts and tries them on made-up metrics,
// testdata/rules_test.yaml, where each has to fire and not to (rules_test.go). A real Prometheus scrapes a real Envoy and the plain binary under load,
// and has to answer every query of the dashboard (queries_test.go); TestPicture draws what it answers, as examples/grafana/dashboard.png, and has the build tag onrequest.
//
// Where the next line goes: a panel into build/tools/dashboard/rows.go and then `make generate`; an alert into examples/grafana/alerts.yaml,
// with a test in testdata/rules_test.yaml and a section in docs/operations.md.
package alerts
