// Package tools has the programs around Kafka work through Envoy with our module: Kafka Streams, Connect, MirrorMaker 2, a schema
// registry, and the commands that administrators type. `make test-tools` installs them (build/install-tools.sh) and runs it, in some
// minutes; its tests have the build tag onrequest.
//
// Each test does the same on two ways: directly to one cluster, which proves the test and the program, and through the mesh, where
// topics that begin with bananas are of another cluster, of an older Kafka. What is typed (commands_test.go) must print the same on both.
//
// To add a program, add its installation to build/install-tools.sh and a test in a file of its own.
package tools
