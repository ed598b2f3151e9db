// Package demo is what `kafkamesh demo` and `make demo` show: three clusters behind a mesh, and where records went.
package demo
