// The waker: a thread of ours that waits for sockets, and wakes the worker that each belongs to. It reads nothing
// itself.
#define _GNU_SOURCE
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "iteration.h"

enum { events_at_once = 64 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int workers_sockets = -1;  // an epoll of the workers' epolls; -1: there is no waker

static void* wait_for_sockets(void* none) {
  struct epoll_event events[events_at_once];
  for (;;) {
    int n = epoll_wait(workers_sockets, events, events_at_once, -1);
    for (int i = 0; i < n; i++) {
      km_worker_wake(events[i].data.ptr);
    }
  }
  return none;
}

// Envoy's signals are not for the waker.
static void start(void) {
  int sockets = epoll_create1(EPOLL_CLOEXEC);
  if (sockets < 0) {
    return;
  }
  workers_sockets = sockets;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  if (pthread_create(&thread, NULL, wait_for_sockets, NULL) == 0) {
    pthread_setname_np(thread, "kafkamesh:wake");
    pthread_detach(thread);
  } else {
    workers_sockets = -1;
    close(sockets);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

// Edge-triggered: a worker that was woken looks at all of its sockets, and need not say that it wants to be woken
// again.
static bool watch(km_worker* worker, int operation) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = worker};
  return epoll_ctl(workers_sockets, operation, worker->sockets, &event) == 0;
}

bool km_watch(uint32_t index, int sockets) {
  pthread_once(&once, start);
  km_worker* worker = km_worker_at(index);
  worker->sockets = sockets;
  return workers_sockets >= 0 && watch(worker, EPOLL_CTL_ADD);
}

void km_watch_again(km_worker* worker) { watch(worker, EPOLL_CTL_MOD); }
