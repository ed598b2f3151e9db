// Command strict reads manifests as an API server does that is told to be strict (`kubectl apply --validate=strict`), without one.
//
//	strict -crds DIR [-pods restricted] FILE…
//
// Resources of Kubernetes itself are decoded into its own Go types: a field that is not known, is there twice, or has a value of another
// type is a mistake. Those of others are compared with the schemas of their definitions, the files in DIR: enumerations, patterns and
// what is required, too. With -pods, every pod has to be allowed in a namespace of that level of the Pod Security Standards.
//
// It prints a line for each mistake, FILE#N KIND/NAME: what is wrong, N being the document's place in its file from 0, and exits with 1 if
// there was one. "-" is standard input. What only a server knows, such as which values a field of its own types may have, it does not know.
//
// It is a module of its own, so that Kubernetes' modules are none of ours.
package main
