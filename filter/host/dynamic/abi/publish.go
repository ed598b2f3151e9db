package abi

/*
#include "config.h"
*/
import "C"

import (
	"sync"
	"time"
)

// publishInterval is how often what was counted is published if no client has it done.
const publishInterval = time.Second

// publisher has what a configuration counts published, with clients or without.
type publisher struct {
	stop    chan struct{} // closed at the end
	ticking sync.WaitGroup
}

// start begins. The main thread calls it, once.
func (p *publisher) start(c *C.km_config) {
	p.ticking.Go(func() {
		defer caught("publish")
		ticker := time.NewTicker(publishInterval)
		defer ticker.Stop()
		for C.km_config_tick(c) {
			select {
			case <-ticker.C:
			case <-p.stop:
				return
			}
		}
	})
}
