// Package cork has what is done for many be done together.
//
// Clients that do not wait for answers send several requests at once, and a broker's answer may be for several of them. One
// write upstream, and one to the client, is then enough, if nobody writes before all has been looked at. While a Cork is
// held, what could be written waits for its Release; during an iteration of the thread that serves the worker, for its End.
package cork

import "sync"

// Cork is what the sessions and the upstream connections of a worker share. The zero value works. Any goroutine may use it; holds
// may overlap, and each Release does what waits for any of them.
type Cork struct {
	mu        sync.Mutex
	held      int
	iteration bool
	queue     []*Item // what waits, from first on
	first     int
}

// Item is something that can wait. Flush does it, or as much of it as is due, and may be called when nothing is.
type Item struct {
	Flush func()

	waits bool // in a queue; guarded by the mutex of its Cork
}

// Hold has items wait. A Release has to follow soon.
func (c *Cork) Hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held++
}

// Release ends a Hold and flushes what waits. No lock may be held that a Flush takes.
func (c *Cork) Release() {
	for i := c.next(1); i != nil; i = c.next(0) {
		i.Flush()
	}
}

// Begin begins an iteration of whoever serves the worker: until its End items wait, whatever is released meanwhile. There is one at a time.
func (c *Cork) Begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held++
	c.iteration = true
}

// End ends an iteration and flushes what waits. No lock may be held that a Flush takes.
func (c *Cork) End() {
	c.mu.Lock()
	c.iteration = false
	c.mu.Unlock()
	c.Release()
}

// Flush flushes i: now, or with the next Release if the cork is held. No lock may be held that i.Flush takes.
func (c *Cork) Flush(i *Item) {
	if !c.keep(i) {
		i.Flush()
	}
}

func (c *Cork) keep(i *Item) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == 0 {
		return false
	}
	if !i.waits {
		i.waits = true
		c.queue = append(c.queue, i)
	}
	return true
}

// next ends so many holds and takes the item that has waited longest, nil if none waits.
func (c *Cork) next(holds int) *Item {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held -= holds
	if c.iteration {
		return nil
	}
	if c.first == len(c.queue) {
		c.queue, c.first = c.queue[:0], 0
		return nil
	}
	i := c.queue[c.first]
	c.queue[c.first] = nil
	c.first++
	i.waits = false
	return i
}
