// Package groups has consumer groups read topics of two real clusters, of two brokers each, through the mesh: that every record is read, a mesh
// that is replaced disturbs nobody, who is no member any more commits nothing, and offsets last.
package groups
