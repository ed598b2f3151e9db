// Package ledger compares what producers were told with what is stored: those of the simulation and of the chaos tests, or of any
// load that numbers what it writes.
//
// [CheckReaders] takes what each reader was given, and says what was skipped or is not what the log holds.
//
// A writer is one producer in one partition; what it writes is numbered from 0. [Check] takes what each writer was told and what
// each log holds, and says what is wrong. The package is pure.
package ledger
