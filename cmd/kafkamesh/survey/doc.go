// Package survey looks at an upstream cluster as the mesh would meet it: it connects and logs in to every bootstrap server and to every
// broker that the cluster names, measures how long they take, and asks about topics and about what the mesh's user may do with them.
//
// Of makes a survey. What a Cluster holds is what the brokers said; Findings are what is wrong with it, in words, and what to do.
// It changes nothing in a cluster: no topic is created for being asked about.
//
// Where the next line goes: the order of things, survey.go; one broker, broker.go; the link to it, connection.go; topics, topic.go; what
// our user may do, rights.go; certificates, certificate.go; what is wrong, finding.go and for topics judge.go.
package survey
