// host.cc plays Envoy for a plugin of its filter envoy.filters.network.golang: it loads the shared library and drives it as
// Envoy 1.39.1 would. What it follows, where the comments below name no other place:
//
//   contrib/golang/filters/network/source/{config,golang,cgo}.cc           the filter, its wrapper, what Go may call
//   contrib/golang/common/go/api/api.h, contrib/golang/common/dso/dso.cc   the symbols of both sides
//   source/common/network/connection_impl.cc      onReadReady, write, close, closeSocket; half close is off
//   source/common/network/filter_manager_impl.cc  initializeReadFilters, onWrite
//   source/common/network/raw_buffer_socket.cc    doRead, until EAGAIN or the buffer limit
//   source/server/worker_impl.cc                  threadRoutine: connections are closed when the loop has ended
//
// So there are N workers, each with an epoll loop, a listening socket (SO_REUSEPORT) and a queue of posts; onData, onWrite and
// onEvent come on the connection's worker alone; connections are deleted after the event that closed them; and a wrapper lives
// until Go's finalizer has run. Not modelled: TLS, the listener, other filters but for --prefilter, draining, stats.
//
// SIGHUP is an update of the configuration, SIGUSR1 prints counters, SIGTERM ends. It prints "LISTENING port" when it listens.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

// ---- ABI (contrib/golang/common/go/api/api.h, common/dso/libgolang.h) ----
typedef long long GoInt;
typedef unsigned long long GoUint64;
struct GoString { const char* p; ptrdiff_t n; };
enum CAPIStatus { CAPIOK = 0, CAPIFilterIsGone = -1, CAPIFilterIsDestroy = -2, CAPIYield = -6 };
enum Event { RemoteClose = 0, LocalClose = 1, Connected = 2 };
enum CloseType { FlushWrite = 0, NoFlush = 1, FlushWriteAndDelay = 2, Abort = 3, AbortReset = 4 };
enum Status { Continue = 0, StopIteration = 1 };

struct Dso {
  GoUint64 (*onConfig)(GoUint64, GoUint64, GoUint64, GoUint64);
  GoUint64 (*onConnection)(void*, GoUint64, GoUint64, GoUint64);
  GoUint64 (*onData)(void*, GoUint64, GoUint64, GoInt, GoInt);
  void (*onEvent)(void*, GoInt);
  GoUint64 (*onWrite)(void*, GoUint64, GoUint64, GoInt, GoInt);
  void (*onUpReady)(void*, GoUint64);
  void (*onUpFailure)(void*, GoInt, GoUint64);
  void (*onUpData)(void*, GoUint64, GoUint64, GoInt, GoInt);
  void (*onUpEvent)(void*, GoInt);
  void (*onSemaDec)(void*);
};
static Dso dso;

// ---- options and log ----
static struct {
  std::string so, plugin = "echo", library = "lib", host = "127.0.0.1", type_url, value_file, prefilter;
  int port = 0, workers = 1, log_level = 2;
  size_t buffer_limit = 1 << 20;  // per_connection_buffer_limit_bytes
} opt;

static std::atomic<int64_t> n_conns, n_wrappers, n_posts, n_writes_gone, n_above_high;
static void logf(int level, const char* fmt, ...) {
  if (level < opt.log_level) return;
  char b[1024];
  va_list a;
  va_start(a, fmt);
  vsnprintf(b, sizeof b, fmt, a);
  va_end(a);
  fprintf(stderr, "[host] %s\n", b);
}
#define TRACE(...) logf(0, __VA_ARGS__)
#define DEBUG(...) logf(1, __VA_ARGS__)
#define INFO(...) logf(2, __VA_ARGS__)
#define WARN(...) logf(3, __VA_ARGS__)

// ---- buffer: a list of slices of at most 16 KiB, as Envoy's OwnedImpl ----
struct Buffer {
  static constexpr size_t kSlice = 16384;
  std::deque<std::string> s;
  size_t len = 0;
  void add(const char* p, size_t n) {
    len += n;
    while (n) {
      if (s.empty() || s.back().size() >= kSlice) s.emplace_back(), s.back().reserve(kSlice);
      size_t k = std::min(n, kSlice - s.back().size());
      s.back().append(p, k);
      p += k, n -= k;
    }
  }
  void move(Buffer& o) {
    for (auto& x : o.s) s.push_back(std::move(x));
    len += o.len;
    o.clear();
  }
  void drain(size_t n) {
    len -= n;
    while (n) {
      if (n >= s.front().size()) n -= s.front().size(), s.pop_front();
      else s.front().erase(0, n), n = 0;
    }
  }
  void clear() { s.clear(), len = 0; }
  std::vector<unsigned long long> raw() {
    std::vector<unsigned long long> v;
    for (auto& x : s) v.push_back((unsigned long long)x.data()), v.push_back(x.size());
    return v;
  }
};

// ---- dispatcher: one per worker ----
struct Connection;
struct Worker {
  int id, ep, ev, lfd = -1;
  std::thread::id tid;
  std::thread th;
  std::mutex mu;
  std::list<std::function<void()>> posted;
  std::unordered_map<int, std::unique_ptr<Connection>> conns;
  std::vector<std::unique_ptr<Connection>> deferred;  // deferredDelete
  std::vector<int> ready;                             // activateFileEvents(Write)
  bool stop = false;

  bool isThreadSafe() { return std::this_thread::get_id() == tid; }
  void post(std::function<void()> f) {
    n_posts++;
    bool wake;
    {
      std::lock_guard<std::mutex> l(mu);
      wake = posted.empty();
      posted.push_back(std::move(f));
    }
    if (wake) {
      uint64_t one = 1;
      if (write(ev, &one, 8) != 8) abort();
    }
  }
  void runPosted();
  void run();
  void accept();
};

// ---- filter (golang.cc) ----
struct FilterWrapper;
struct Filter : std::enable_shared_from_this<Filter> {
  Filter(Connection* c, Worker* w, GoUint64 id) : conn(c), worker(w), config_id(id) {}
  Connection* conn;
  Worker* worker;
  GoUint64 config_id;
  FilterWrapper* wrapper = nullptr;
  bool closed = false;
  std::string local, remote;
  std::mutex mu;

  Status onNewConnection();
  Status onData(Buffer& b, bool end);
  Status onWrite(Buffer& b, bool end);
  void onEvent(Event e);
  void write(Buffer& b, bool end);
  void close(CloseType t);
  CAPIStatus setFilterState(std::string k, std::string v);
  CAPIStatus getFilterState(std::string k, GoString* out);
};
struct FilterWrapper {
  explicit FilterWrapper(std::weak_ptr<Filter> f) : filter(f) { n_wrappers++; }
  ~FilterWrapper() { n_wrappers--; }
  std::weak_ptr<Filter> filter;
  std::string str;  // anchors a string until Go has cloned it
};

// ---- connection (connection_impl.cc, half close off) ----
struct Connection {
  enum State { Open, Closing, Closed };
  int fd;
  Worker* w;
  std::shared_ptr<Filter> filter;
  Buffer rd, wr;
  bool above_high = false, write_end_stream = false, flush_close = false, filter_initialized = false;
  std::map<std::string, std::string> state_;

  State state() { return fd < 0 ? Closed : flush_close ? Closing : Open; }
  void raise(Event e) { filter->onEvent(e); }

  void write(Buffer& b, bool end) {
    if (end) WARN("write with end_stream while half close is off: a debug Envoy asserts here");
    if (write_end_stream || state() != Open) return;
    if (filter->onWrite(b, end) == StopIteration || state() != Open) return;  // data is dropped
    write_end_stream = end;
    if (b.len || end) {
      wr.move(b);
      if (!above_high && wr.len > opt.buffer_limit) above_high = true, n_above_high++;
      w->ready.push_back(fd);
    }
  }
  void close(CloseType t) {
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
  void closeSocket(Event e) {
    if (fd < 0) return;
    wr.clear();
    int f = fd;
    epoll_ctl(w->ep, EPOLL_CTL_DEL, fd, nullptr);
    ::close(fd);
    fd = -1;
    raise(e);
    auto it = w->conns.find(f);
    w->deferred.push_back(std::move(it->second));
    w->conns.erase(it);
    n_conns--;
  }
  bool doWrite() {  // false: the peer is gone
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
    if (above_high && wr.len <= opt.buffer_limit / 2) above_high = false;
    if (write_end_stream) shutdown(fd, SHUT_WR);
    return true;
  }
  void onWriteReady() {
    if (fd < 0) return;
    if (!doWrite()) return closeSocket(RemoteClose);
    if (flush_close && wr.len == 0) closeSocket(LocalClose);
  }
  void onReadReady() {
    if (state() != Open) return;
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
    if (got) onRead();
    // half close is off: a FIN is a close, and what was not written is lost
    if (end || err) closeSocket(RemoteClose);
    else if (more && fd >= 0) w->post([w = w, f = fd] {
      auto it = w->conns.find(f);
      if (it != w->conns.end()) it->second->onReadReady();
    });
  }
  void onRead() {
    if (!filter_initialized) return;  // an earlier filter stopped iteration
    filter->onData(rd, false);
  }
};

Status Filter::onNewConnection() {
  wrapper = new FilterWrapper(weak_from_this());
  return (Status)dso.onConnection(wrapper, (GoUint64)opt.plugin.data(), opt.plugin.size(), config_id);
}
void Filter::onEvent(Event e) {
  if (e == LocalClose || e == RemoteClose) closed = true;
  dso.onEvent(wrapper, e);
}
Status Filter::onData(Buffer& b, bool end) {
  auto v = b.raw();
  auto r = dso.onData(wrapper, b.len, (GoUint64)v.data(), v.size() / 2, end);
  b.clear();  // data.drain(data.length()) whatever the status
  return (Status)r;
}
Status Filter::onWrite(Buffer& b, bool end) {
  auto v = b.raw();
  return (Status)dso.onWrite(wrapper, b.len, (GoUint64)v.data(), v.size() / 2, end);
}
void Filter::write(Buffer& b, bool end) {
  if (closed) { WARN("write: connection has closed, addr: %s", remote.c_str()); return; }
  conn->write(b, end);
}
void Filter::close(CloseType t) {
  if (closed) { WARN("close: connection has closed, addr: %s", remote.c_str()); return; }
  conn->close(t);
}
CAPIStatus Filter::setFilterState(std::string k, std::string v) {
  std::lock_guard<std::mutex> l(mu);
  if (closed) return CAPIFilterIsDestroy;
  if (worker->isThreadSafe()) {
    conn->state_[k] = v;
  } else {
    worker->post([this, wk = weak_from_this(), k, v] {
      if (!wk.expired() && !closed) conn->state_[k] = v;
    });
  }
  return CAPIOK;
}
CAPIStatus Filter::getFilterState(std::string k, GoString* out) {
  std::lock_guard<std::mutex> l(mu);
  if (closed) return CAPIFilterIsDestroy;
  auto get = [this, k, out] {
    auto it = conn->state_.find(k);
    if (it == conn->state_.end()) return;
    wrapper->str = it->second;
    out->p = wrapper->str.data(), out->n = wrapper->str.size();
  };
  if (worker->isThreadSafe()) { get(); return CAPIOK; }
  worker->post([this, wk = weak_from_this(), get] {
    if (!wk.expired() && !closed) get(), dso.onSemaDec(wrapper);
  });
  return CAPIYield;
}

// ---- the C API a plugin calls (cgo.cc, common/log/cgo.cc) ----
static std::string str(void* s) { auto* g = (GoString*)s; return g ? std::string(g->p, g->n) : ""; }
extern "C" {
CAPIStatus envoyGoFilterDownstreamClose(void* w, int type) {
  std::weak_ptr<Filter>& wk = ((FilterWrapper*)w)->filter;
  if (auto f = wk.lock()) {
    f->worker->post([wk, type] { if (auto f = wk.lock()) f->close((CloseType)type); });
    return CAPIOK;
  }
  return CAPIFilterIsGone;
}
CAPIStatus envoyGoFilterDownstreamWrite(void* w, void* p, int n, int end) {
  std::weak_ptr<Filter>& wk = ((FilterWrapper*)w)->filter;
  if (auto f = wk.lock()) {
    auto b = std::make_shared<Buffer>();
    b->add((char*)p, n);
    f->worker->post([wk, b, end] { if (auto f = wk.lock()) f->write(*b, end); });
    return CAPIOK;
  }
  n_writes_gone++;
  return CAPIFilterIsGone;
}
void envoyGoFilterDownstreamFinalize(void* w, int) {
  auto* wr = (FilterWrapper*)w;
  if (auto f = wr->filter.lock()) f->worker->post([wr] { delete wr; });
  else delete wr;
}
CAPIStatus envoyGoFilterDownstreamInfo(void* w, int type, void* ret) {
  auto* wr = (FilterWrapper*)w;
  if (auto f = wr->filter.lock()) {
    if (type != 0 && type != 1) abort();
    wr->str = type == 0 ? f->local : f->remote;
    auto* g = (GoString*)ret;
    g->p = wr->str.data(), g->n = wr->str.size();
    return CAPIOK;
  }
  return CAPIFilterIsGone;
}
CAPIStatus envoyGoFilterSetFilterState(void* w, void* k, void* v, int, int, int) {
  if (auto f = ((FilterWrapper*)w)->filter.lock()) return f->setFilterState(str(k), str(v));
  return CAPIFilterIsGone;
}
CAPIStatus envoyGoFilterGetFilterState(void* w, void* k, void* v) {
  if (auto f = ((FilterWrapper*)w)->filter.lock()) return f->getFilterState(str(k), (GoString*)v);
  return CAPIFilterIsGone;
}
// Upstream connections are not part of what is tested: every connect fails.
static std::vector<std::unique_ptr<Worker>> workers;
void* envoyGoFilterUpstreamConnect(void*, void*, uint64_t id) {
  static int dummy;
  workers[id % workers.size()]->post([id] { dso.onUpFailure(&dummy, 1, id); });
  return &dummy;
}
CAPIStatus envoyGoFilterUpstreamConnEnableHalfClose(void*, int) { return CAPIOK; }
CAPIStatus envoyGoFilterUpstreamWrite(void*, void*, int, int) { return CAPIOK; }
CAPIStatus envoyGoFilterUpstreamClose(void*, int) { return CAPIOK; }
void envoyGoFilterUpstreamFinalize(void*, int) {}
CAPIStatus envoyGoFilterUpstreamInfo(void*, int, void*) { return CAPIFilterIsGone; }
void envoyGoFilterLog(uint32_t level, void* p, int n) { logf(level, "[golang] %.*s", n, (char*)p); }
uint32_t envoyGoFilterLogLevel() { return opt.log_level; }
}

// ---- event loop ----
static GoUint64 config_id;
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
    c->fd = fd, c->w = this;
    c->filter = std::make_shared<Filter>(c, this, config_id);
    c->filter->local = addrOf(fd, false), c->filter->remote = addrOf(fd, true);
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
    if (c->state() == Connection::Open) c->raise(Connected);
  }
}
void Worker::runPosted() {
  deferred.clear();
  std::list<std::function<void()>> l;
  {
    std::lock_guard<std::mutex> g(mu);
    l.swap(posted);
  }
  for (; !l.empty(); l.pop_front()) l.front()();
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

// ---- config (config.cc) ----
static void varint(std::string& o, uint64_t v) {
  for (; v >= 128; v >>= 7) o.push_back((char)(v | 128));
  o.push_back((char)v);
}
static std::string any(const std::string& url, const std::string& value) {
  std::string o;
  if (!url.empty()) o.push_back(0x0a), varint(o, url.size()), o += url;
  if (!value.empty()) o.push_back(0x12), varint(o, value.size()), o += value;
  return o;
}
template <class T> static bool sym(void* h, T& f, const char* name) {
  f = (T)dlsym(h, name);
  if (!f) WARN("cannot find symbol: %s, err: %s", name, dlerror());
  return f != nullptr;
}
static bool load() {
  void* h = dlopen(opt.so.c_str(), RTLD_LAZY);
  if (!h) { WARN("cannot load: %s", dlerror()); return false; }
  bool ok = true;
  ok &= sym(h, dso.onConfig, "envoyGoFilterOnNetworkFilterConfig");
  ok &= sym(h, dso.onConnection, "envoyGoFilterOnDownstreamConnection");
  ok &= sym(h, dso.onData, "envoyGoFilterOnDownstreamData");
  ok &= sym(h, dso.onEvent, "envoyGoFilterOnDownstreamEvent");
  ok &= sym(h, dso.onWrite, "envoyGoFilterOnDownstreamWrite");
  ok &= sym(h, dso.onUpReady, "envoyGoFilterOnUpstreamConnectionReady");
  ok &= sym(h, dso.onUpFailure, "envoyGoFilterOnUpstreamConnectionFailure");
  ok &= sym(h, dso.onUpData, "envoyGoFilterOnUpstreamData");
  ok &= sym(h, dso.onUpEvent, "envoyGoFilterOnUpstreamEvent");
  ok &= sym(h, dso.onSemaDec, "envoyGoFilterOnSemaDec");
  return ok;
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
static void configure() {
  std::string a = any(opt.type_url, opt.value_file.empty() ? "" : slurp(opt.value_file.c_str()));
  config_id = dso.onConfig((GoUint64)opt.library.data(), opt.library.size(), (GoUint64)a.data(), a.size());
  INFO("config id %llu", config_id);
}
int main(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string k = argv[i], v = argv[i + 1];
    if (k == "--so") opt.so = v;
    else if (k == "--plugin") opt.plugin = v;
    else if (k == "--port") opt.port = atoi(v.c_str());
    else if (k == "--workers") opt.workers = atoi(v.c_str());
    else if (k == "--type-url") opt.type_url = v;
    else if (k == "--value-file") opt.value_file = v;
    else if (k == "--limit") opt.buffer_limit = atol(v.c_str());
    else if (k == "--log") opt.log_level = atoi(v.c_str());
    else if (k == "--prefilter") opt.prefilter = v;
    else { fprintf(stderr, "unknown flag %s\n", argv[i]); return 2; }
  }
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (int s : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, s);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);  // before dlopen: Go threads inherit it
  if (!load()) return 1;
  configure();
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
  for (int s;;) {
    sigwait(&set, &s);
    if (s == SIGHUP) configure();  // an LDS update: a new config id, the old one is never released
    else if (s == SIGUSR1)
      INFO("conns=%ld wrappers=%ld posts=%ld writes_gone=%ld above_high=%ld", n_conns.load(), n_wrappers.load(),
           n_posts.load(), n_writes_gone.load(), n_above_high.load());
    else break;
  }
  for (auto& w : workers) w->post([p = w.get()] { p->stop = true; });
  for (auto& w : workers) w->th.join();
  INFO("stopped: conns=%ld wrappers=%ld", n_conns.load(), n_wrappers.load());
  _exit(0);  // the .so is never unloaded
}
