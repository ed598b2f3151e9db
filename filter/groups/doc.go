// Package groups makes one member of a consumer group (KIP-848) of the members that it is on several clusters.
//
// A client with group.protocol=consumer joins a group at one coordinator. Behind the facade the same member, with the same id, joins a
// group of that name on every cluster that it reads topics of: it has a [Stake] in each. The epoch that the client is told is the sum of
// its members' epochs there ([Epochs]), each of which only grows, so that a sum stands for one set of them; and what it is assigned is
// all that the clusters assign. A [Beat] is one heartbeat on its way: it says what each cluster is sent, takes what they answer, and
// makes the answer of it.
//
// [Members] remembers what its members have told and been told. All of that may be forgotten at any time: clusters know it too, and
// [Known] makes a member of what they say.
//
// Nothing here waits, asks or has a clock; package broker asks the clusters.
package groups
