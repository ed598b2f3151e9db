// Package guide does what our documents tell people to do, and has clients say what the documents say that they say.
//
// The shell blocks of each section of a document are run in order, as they stand, from the top of a copy of the tree. A line above a block
// tells what is special about it; it is a comment in Markdown, which readers do not see:
//
//	<!-- stays: TEXT -->       it does not end: it goes on until the section ends, and has started when it has printed TEXT
//	<!-- fails: TEXT -->       it fails, and prints TEXT
//	<!-- file: NAME -->        it is the content of a file, which is written
//	<!-- printed -->           it is what the shell block before it prints, or one that stays; … stands for anything
//	<!-- logged: SITUATION --> it is what the mesh logs in a situation of docs/troubleshooting.md
//	<!-- shown: SITUATION -->  it is what somebody on call sees in a situation: on each line the place, and what is there (shown_test.go)
//	<!-- needs WHAT: WHY -->   it is not run, because WHAT is not in every place where tests are run; WHY names what is tried instead
//
// A shell block without such a line has to end, and well. Documents cannot be forgotten: each file of Markdown that has a shell block
// is in the table of TestDocuments, with reason where its blocks are not to be run.
//
// What clients say is in docs/troubleshooting.md, in tables. Each cell is looked for in what that client prints in that situation.
//
// All of it happens in a network namespace of its own, with its own /etc and /usr/local, so that the ports and files that documents
// name are free: 127.0.0.1:9092 is the mesh's, and names such as orders-kafka-1 are those of embedded clusters. Where the system does
// not allow one, the tests are left out.
package guide
