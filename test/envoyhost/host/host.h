// What the program's files share: Envoy's buffer, dispatcher and connection, as far as a network filter sees them.
#pragma once

#include <stddef.h>
#include <stdint.h>

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

enum Event { RemoteClose = 0, LocalClose = 1, Connected = 2 };
enum CloseType { FlushWrite = 0, NoFlush = 1, FlushWriteAndDelay = 2, Abort = 3, AbortReset = 4 };
enum Status { Continue = 0, StopIteration = 1 };

// ---- options and log ----
struct Options {
  std::string abi = "contrib", so, plugin = "kafkamesh", host = "127.0.0.1", type_url, value_file, prefilter;
  int port = 0, workers = 1, log_level = 2, commit_delay_us = 0;
  size_t buffer_limit = 1 << 20;  // per_connection_buffer_limit_bytes
};
extern Options opt;

void logf(int level, const char* fmt, ...) __attribute__((format(printf, 2, 3)));
#define INFO(...) logf(2, __VA_ARGS__)
#define WARN(...) logf(3, __VA_ARGS__)

extern std::atomic<int64_t> n_conns, n_posts, n_above_high;

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

// ---- dispatcher: one per worker, and one for the main thread, which has no connections ----
struct Connection;
struct Dispatcher {
  virtual ~Dispatcher() = default;
  std::thread::id tid;
  bool isThreadSafe() { return std::this_thread::get_id() == tid; }
  void post(std::function<void()> f);
  void runPosted();
  virtual void wake() = 0;

 private:
  std::mutex mu;
  std::list<std::function<void()>> posted;
};
struct Worker : Dispatcher {
  int id, ep, ev, lfd = -1;
  std::thread th;
  std::unordered_map<int, std::unique_ptr<Connection>> conns;
  std::vector<std::unique_ptr<Connection>> deferred;  // deferredDelete
  std::vector<int> ready;                             // activateFileEvents(Write)
  bool stop = false;

  void wake() override;
  void run();
  void accept();
};
struct Main : Dispatcher {
  void wake() override;
};
extern Main main_thread;
extern std::vector<std::unique_ptr<Worker>> workers;

// ---- what differs between the two kinds of plugin: contrib.cc and dynamic.cc ----
struct NetworkFilter {
  virtual ~NetworkFilter() = default;
  virtual void onNewConnection() = 0;
  virtual void onData(Buffer& b, bool end) = 0;
  virtual Status onWrite(Buffer& b, bool end) = 0;
  virtual void onEvent(Event e) = 0;
  virtual void onAboveHighWatermark() {}
  virtual void onBelowLowWatermark() {}
};
struct Plugin {
  virtual ~Plugin() = default;
  virtual bool load(void* so) = 0;
  // A new version of the listener. False: it is refused, and the old one stays.
  virtual bool configure(const std::string& value) = 0;
  virtual std::shared_ptr<NetworkFilter> newFilter(Connection* c, Worker* w) = 0;
  // Envoy is about to end; done is called on the main thread.
  virtual void shutdown(std::function<void()> done) { done(); }
  // The workers have ended.
  virtual void destroy() {}
  virtual std::string counters() = 0;
};
std::unique_ptr<Plugin> contribPlugin();
std::unique_ptr<Plugin> dynamicPlugin();

bool symbol(void* so, void** f, const char* name);

// ---- connection (connection_impl.cc) ----
struct Connection {
  enum State { Open, Closing, Closed };
  int fd;
  Worker* w;
  int generation;  // of the listener
  std::shared_ptr<NetworkFilter> filter;
  std::string local, remote;
  Buffer rd, wr;
  bool half_close = false;  // off by default: a FIN is a close, and what was not written is lost
  int read_disabled = 0;
  bool above_high = false, read_end_stream = false, write_end_stream = false, flush_close = false, filter_initialized = false;
  std::map<std::string, std::string> state_;

  State state() { return fd < 0 ? Closed : flush_close ? Closing : Open; }
  void write(Buffer& b, bool end);
  void close(CloseType t);
  void readDisable(bool disable);
  void onWriteReady();
  void onReadReady();
  void onRead(bool end);

 private:
  void closeSocket(Event e);
  bool doWrite();
  void activateRead();
};
