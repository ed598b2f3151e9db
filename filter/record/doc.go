// Package record opens record batches: the unit that producers send and brokers store (KIP-98). Bytes in, values out;
// nothing is kept and nothing is changed.
//
// [Check] says whether a batch may go upstream together with other clients' batches, and if not, what a broker would
// answer. Records stay closed: what a broker checks record by record, and the CRC, is left to it.
package record
