// contrib.cc plays Envoy's filter envoy.filters.network.golang. What it follows, where the comments name no other place:
//
//   contrib/golang/filters/network/source/{config,golang,cgo}.cc           the filter, its wrapper, what Go may call
//   contrib/golang/common/go/api/api.h, contrib/golang/common/dso/dso.cc   the symbols of both sides
//
// A wrapper lives until Go's finalizer has run.
#include <stdlib.h>

#include "host.h"

// ---- ABI (contrib/golang/common/go/api/api.h, common/dso/libgolang.h) ----
typedef long long GoInt;
typedef unsigned long long GoUint64;
struct GoString { const char* p; ptrdiff_t n; };
enum CAPIStatus { CAPIOK = 0, CAPIFilterIsGone = -1, CAPIFilterIsDestroy = -2, CAPIYield = -6 };
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
static std::atomic<GoUint64> config_id;
static std::atomic<int64_t> n_wrappers, n_writes_gone;

// ---- filter (golang.cc) ----
struct FilterWrapper;
struct Filter : NetworkFilter, std::enable_shared_from_this<Filter> {
  Filter(Connection* c, Worker* w) : conn(c), worker(w), local(c->local), remote(c->remote) {}
  Connection* conn;
  Worker* worker;
  std::string local, remote;
  FilterWrapper* wrapper = nullptr;
  bool closed = false;
  std::mutex mu;

  void onNewConnection() override;
  void onData(Buffer& b, bool end) override;
  Status onWrite(Buffer& b, bool end) override;
  void onEvent(Event e) override;
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

void Filter::onNewConnection() {
  wrapper = new FilterWrapper(weak_from_this());
  dso.onConnection(wrapper, (GoUint64)opt.plugin.data(), opt.plugin.size(), config_id);
}
void Filter::onEvent(Event e) {
  if (e == LocalClose || e == RemoteClose) closed = true;
  dso.onEvent(wrapper, e);
}
void Filter::onData(Buffer& b, bool end) {
  auto v = b.raw();
  dso.onData(wrapper, b.len, (GoUint64)v.data(), v.size() / 2, end);
  b.clear();  // data.drain(data.length()) whatever the status
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

// ---- the plugin (config.cc) ----
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
namespace {
struct Contrib : Plugin {
  bool load(void* so) override {
    bool ok = true;
#define SYMBOL(field, name) ok &= symbol(so, (void**)&dso.field, "envoyGoFilterOn" name)
    SYMBOL(onConfig, "NetworkFilterConfig");
    SYMBOL(onConnection, "DownstreamConnection");
    SYMBOL(onData, "DownstreamData");
    SYMBOL(onEvent, "DownstreamEvent");
    SYMBOL(onWrite, "DownstreamWrite");
    SYMBOL(onUpReady, "UpstreamConnectionReady");
    SYMBOL(onUpFailure, "UpstreamConnectionFailure");
    SYMBOL(onUpData, "UpstreamData");
    SYMBOL(onUpEvent, "UpstreamEvent");
    SYMBOL(onSemaDec, "SemaDec");
    return ok;
  }
  bool configure(const std::string& value) override {
    std::string library = "lib", a = any(opt.type_url, value);
    config_id = dso.onConfig((GoUint64)library.data(), library.size(), (GoUint64)a.data(), a.size());
    return true;  // it cannot be refused, and an old one is never released
  }
  std::shared_ptr<NetworkFilter> newFilter(Connection* c, Worker* w) override { return std::make_shared<Filter>(c, w); }
  std::string counters() override {
    return "wrappers=" + std::to_string(n_wrappers) + " writes_gone=" + std::to_string(n_writes_gone);
  }
};
}  // namespace
std::unique_ptr<Plugin> contribPlugin() { return std::make_unique<Contrib>(); }
