package tcp

// MaxFromOne is how many handshakes there are with clients of one network.
const MaxFromOne = maxFromOne
