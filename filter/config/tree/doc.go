// Package tree reads YAML and JSON into nodes that know where they stand in the text and how they were written, so that whoever reads
// a configuration can say what is wrong by line and column, and need not guess what YAML made of a word.
//
// It knows nothing of what the nodes mean. tree.go has the nodes, yaml.go and json.go make them, scalar.go says what a word without
// quotes is, diagnose.go turns the parser's errors into advice.
package tree
