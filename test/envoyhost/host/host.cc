// host.cc plays Envoy for one of our plugins: it loads the shared library and drives it as Envoy 1.39.1 would. contrib.cc
// and dynamic.cc are the two kinds of filter; here is what they stand on. What it follows, where the comments below name no
// other place:
//
//   source/common/network/connection_impl.cc      onReadReady, onWriteReady, write, close, closeSocket, readDisable
//   source/common/network/filter_manager_impl.cc  initializeReadFilters, onWrite
//   source/common/network/raw_buffer_socket.cc    doRead, until EAGAIN or the buffer limit
//   source/server/worker_impl.cc                  threadRoutine: connections are closed when the loop has ended
//
// So there are N workers, each with an epoll loop, a listening socket (SO_REUSEPORT) and a queue of posts; a filter's calls
// come on the connection's worker alone; and connections are deleted after the event that closed them. Not modelled: TLS, the
// listener, other filters but for --prefilter.
//
// SIGHUP is an update of the listener: connections of ten versions before are closed, as when a drain time is over.
// SIGUSR1 prints counters, SIGTERM ends. It prints "LISTENING port" when it listens.
#include "host.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

Options opt;
std::atomic<int64_t> n_conns, n_posts, n_above_high;
Main main_thread;
std::vector<std::unique_ptr<Worker>> workers;
static std::unique_ptr<Plugin> plugin;
static std::atomic<int> generation;

void logf(int level, const char* fmt, ...) {
  if (level < opt.log_level) return;
  char b[4096];
  va_list a;
  va_start(a, fmt);
  vsnprintf(b, sizeof b, fmt, a);
  va_end(a);
  fprintf(stderr, "[host] %s\n", b);
}
bool symbol(void* so, void** f, const char* name) {
  *f = dlsym(so, name);
  if (!*f) WARN("cannot find symbol: %s, err: %s", name, dlerror());
  return *f != nullptr;
}

// ---- dispatcher ----
void Dispatcher::post(std::function<void()> f) {
  n_posts++;
  bool first;
  {
    std::lock_guard<std::mutex> l(mu);
    first = posted.empty();
    posted.push_back(std::move(f));
  }
  if (first) wake();
}
void Dispatcher::runPosted() {
  std::list<std::function<void()>> l;
  {
    std::lock_guard<std::mutex> g(mu);
    l.swap(posted);
  }
  for (; !l.empty(); l.pop_front()) l.front()();
}
void Worker::wake() {
  uint64_t one = 1;
  if (::write(ev, &one, 8) != 8) abort();
}
void Main::wake() { kill(getpid(), SIGUSR2); }

// ---- connection ----
void Connection::write(Buffer& b, bool end) {
  if (end && !half_close) WARN("write with end_stream while half close is off: a debug Envoy asserts here");
  if (write_end_stream || state() != Open) return;
  if (filter->onWrite(b, end) == StopIteration || state() != Open) return;  // data is dropped
  write_end_stream = end;
  if (!b.len && !end) return;
  wr.move(b);
  w->ready.push_back(fd);
  if (!above_high && wr.len > opt.buffer_limit) {
    above_high = true, n_above_high++;
    filter->onAboveHighWatermark();
  }
}
void Connection::close(CloseType t) {
  if (fd < 0) return;
  if (t == AbortReset) {
    struct linger l = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    return closeSocket(LocalClose);
  }
  if (wr.len == 0 || t == NoFlush || t == Abort) {
    if (wr.len && t == NoFlush) doWrite();
    return closeSocket(LocalClose);
  }
  flush_close = true;  // no delayed_close_timeout on a TCP listener: waits for the peer
  rd.clear();
}
void Connection::closeSocket(Event e) {
  if (fd < 0) return;
  wr.clear();
  int f = fd;
  epoll_ctl(w->ep, EPOLL_CTL_DEL, fd, nullptr);
  ::close(fd);
  fd = -1;
  filter->onEvent(e);
  auto it = w->conns.find(f);
  w->deferred.push_back(std::move(it->second));
  w->conns.erase(it);
  n_conns--;
}
bool Connection::doWrite() {  // false: the peer is gone
  while (wr.len) {
    struct iovec v[16];
    int n = 0;
    for (auto& x : wr.s) {
      v[n].iov_base = (void*)x.data(), v[n].iov_len = x.size();
      if (++n == 16) break;
    }
    ssize_t k = writev(fd, v, n);
    if (k < 0) return errno == EAGAIN;
    wr.drain(k);
  }
  if (write_end_stream) shutdown(fd, SHUT_WR);
  return true;
}
void Connection::onWriteReady() {
  if (fd < 0) return;
  if (!doWrite()) return closeSocket(RemoteClose);
  if (flush_close && wr.len == 0) return closeSocket(LocalClose);
  if (read_end_stream && write_end_stream && wr.len == 0) return closeSocket(RemoteClose);
  if (above_high && wr.len <= opt.buffer_limit / 2) {
    above_high = false;
    filter->onBelowLowWatermark();
  }
}
void Connection::activateRead() {
  w->post([w = w, f = fd] {
    auto it = w->conns.find(f);
    if (it != w->conns.end()) it->second->onReadReady();
  });
}
void Connection::readDisable(bool disable) {
  if (fd < 0) return;
  if (!disable && read_disabled == 0) WARN("read_disable(false) once too often: a debug Envoy asserts here");
  read_disabled += disable ? 1 : -1;
  if (read_disabled == 0) activateRead();
}
void Connection::onReadReady() {
  if (state() != Open || read_disabled > 0 || read_end_stream) return;  // while reads are off, a peer's end is not seen
  size_t got = 0;
  bool end = false, err = false, more = false;
  for (;;) {
    static thread_local char tmp[8 * Buffer::kSlice];
    ssize_t k = read(fd, tmp, sizeof tmp);
    if (k == 0) { end = true; break; }
    if (k < 0) { err = errno != EAGAIN; break; }
    rd.add(tmp, k), got += k;
    if (rd.len >= opt.buffer_limit) { more = true; break; }  // shouldDrainReadBuffer
  }
  bool half = end && half_close;
  read_end_stream = half;
  if (got || half) onRead(half);
  if (fd < 0) return;
  if (err || (end && !half) || (read_end_stream && write_end_stream && wr.len == 0)) closeSocket(RemoteClose);
  else if (more) activateRead();
}
void Connection::onRead(bool end) {
  if (!filter_initialized) return;  // an earlier filter stopped iteration
  filter->onData(rd, end);
}

// ---- event loop ----
static std::string addrOf(int fd, bool peer) {
  sockaddr_in a{};
  socklen_t n = sizeof a;
  if (peer) getpeername(fd, (sockaddr*)&a, &n);
  else getsockname(fd, (sockaddr*)&a, &n);
  char b[64];
  snprintf(b, sizeof b, "%s:%d", inet_ntoa(a.sin_addr), ntohs(a.sin_port));
  return b;
}
void Worker::accept() {
  for (;;) {
    int fd = accept4(lfd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    auto up = std::make_unique<Connection>();
    Connection* c = up.get();
    c->fd = fd, c->w = this, c->generation = generation;
    c->local = addrOf(fd, false), c->remote = addrOf(fd, true);
    c->filter = plugin->newFilter(c, this);
    conns[fd] = std::move(up);
    n_conns++;
    epoll_event e{EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {.fd = fd}};
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    // initializeReadFilters, then onConnected
    if (opt.prefilter == "close") { c->close(NoFlush); continue; }  // e.g. local_ratelimit
    if (opt.prefilter != "stop") {                                  // e.g. connection_limit with delay
      c->filter_initialized = true;
      c->filter->onNewConnection();
    }
    if (c->state() == Connection::Open) c->filter->onEvent(Connected);
  }
}
void Worker::run() {
  tid = std::this_thread::get_id();
  epoll_event evs[64];
  while (!stop) {
    while (!ready.empty()) {  // write events activated in this iteration
      std::vector<int> r;
      r.swap(ready);
      for (int fd : r) {
        auto it = conns.find(fd);
        if (it != conns.end()) it->second->onWriteReady();
      }
    }
    deferred.clear();
    int n = epoll_wait(ep, evs, 64, -1);
    for (int i = 0; i < n; i++) {
      int fd = evs[i].data.fd;
      if (fd == ev) {
        uint64_t x;
        deferred.clear();
        if (read(ev, &x, 8) == 8) runPosted();
      } else if (fd == lfd) {
        accept();
      } else {
        auto it = conns.find(fd);
        if (it == conns.end()) continue;
        Connection* c = it->second.get();
        if (evs[i].events & EPOLLOUT) c->onWriteReady();
        if (c->fd >= 0 && (evs[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))) c->onReadReady();
      }
    }
  }
  // listener removal: close what is left with NoFlush
  while (!conns.empty()) conns.begin()->second->close(NoFlush);
  deferred.clear();
  close(lfd);
}

static std::string slurp(const char* path) {
  std::string s;
  char b[4096];
  size_t k;
  FILE* f = fopen(path, "rb");
  if (!f) { perror(path); exit(2); }
  while ((k = fread(b, 1, sizeof b, f)) > 0) s.append(b, k);
  fclose(f);
  return s;
}
static bool configure() {
  bool ok = plugin->configure(opt.value_file.empty() ? "" : slurp(opt.value_file.c_str()));
  INFO("configuration %s", ok ? "taken" : "refused");
  if (!ok) return false;
  int now = ++generation;
  for (auto& w : workers)
    w->post([w = w.get(), now] {
      std::vector<int> old;
      for (auto& [fd, c] : w->conns)
        if (c->generation < now - 10) old.push_back(fd);
      for (int fd : old)
        if (auto it = w->conns.find(fd); it != w->conns.end()) it->second->close(NoFlush);  // the end of one may bring another's
    });
  return true;
}
int main(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string k = argv[i], v = argv[i + 1];
    if (k == "--abi") opt.abi = v;
    else if (k == "--so") opt.so = v;
    else if (k == "--plugin") opt.plugin = v;
    else if (k == "--port") opt.port = atoi(v.c_str());
    else if (k == "--workers") opt.workers = atoi(v.c_str());
    else if (k == "--type-url") opt.type_url = v;
    else if (k == "--value-file") opt.value_file = v;
    else if (k == "--limit") opt.buffer_limit = atol(v.c_str());
    else if (k == "--log") opt.log_level = atoi(v.c_str());
    else if (k == "--commit-delay-us") opt.commit_delay_us = atoi(v.c_str());
    else if (k == "--prefilter") opt.prefilter = v;
    else { fprintf(stderr, "unknown flag %s\n", argv[i]); return 2; }
  }
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (int s : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&set, s);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);  // before dlopen: Go threads inherit it
  main_thread.tid = std::this_thread::get_id();
  plugin = opt.abi == "dynamic" ? dynamicPlugin() : contribPlugin();
  void* so = dlopen(opt.so.c_str(), RTLD_LAZY);
  if (!so) { WARN("cannot load: %s", dlerror()); return 1; }
  if (!plugin->load(so) || !configure()) return 1;
  for (int i = 0; i < opt.workers; i++) {
    auto w = std::make_unique<Worker>();
    w->id = i, w->ep = epoll_create1(EPOLL_CLOEXEC), w->ev = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int one = 1;
    w->lfd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(w->lfd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(w->lfd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    sockaddr_in a{};
    a.sin_family = AF_INET, a.sin_port = htons(opt.port), inet_aton(opt.host.c_str(), &a.sin_addr);
    if (bind(w->lfd, (sockaddr*)&a, sizeof a) || listen(w->lfd, 1024)) { perror("listen"); return 1; }
    if (!opt.port) opt.port = atoi(addrOf(w->lfd, false).substr(addrOf(w->lfd, false).find(':') + 1).c_str());
    for (int fd : {w->ev, w->lfd}) {
      epoll_event e{EPOLLIN, {.fd = fd}};
      epoll_ctl(w->ep, EPOLL_CTL_ADD, fd, &e);
    }
    workers.push_back(std::move(w));
  }
  for (auto& w : workers) w->th = std::thread([p = w.get()] { p->run(); });
  printf("LISTENING %d\n", opt.port);
  fflush(stdout);
  bool stopping = false, stopped = false;
  while (!stopped) {
    int s;
    sigwait(&set, &s);
    if (s == SIGHUP) configure();
    else if (s == SIGUSR2) main_thread.runPosted();
    else if (s == SIGUSR1)
      INFO("conns=%ld posts=%ld above_high=%ld %s", n_conns.load(), n_posts.load(), n_above_high.load(), plugin->counters().c_str());
    else if (!stopping) {
      stopping = true;
      plugin->shutdown([&stopped] { stopped = true; });
    }
  }
  for (auto& w : workers) w->post([p = w.get()] { p->stop = true; });
  for (auto& w : workers) w->th.join();
  plugin->destroy();
  INFO("stopped: conns=%ld %s", n_conns.load(), plugin->counters().c_str());
  _exit(0);  // the .so is never unloaded
}
