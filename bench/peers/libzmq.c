/*
 * libzmq in C: every role that the rows need, in one program, as a C program would be written that wants speed.
 *
 *   libzmq ROLE key=value...         what the keys mean: see bench/players.ts
 *
 * It speaks with the benchmark as the roles in bench/roles do: it says `ready [endpoint...]`, is told `run COUNT` on
 * stdin, says `done SECONDS` or `fail TEXT`, and ends when stdin does. Sends and receives block; only who has many
 * sockets polls.
 */

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { MAX_SOCKETS = 4096, ENDPOINT_BYTES = 256 };

static int argument_count;
static char **arguments;
static void *context;

/* What the parent asked for: counts of runs, one after the other. */
static pthread_mutex_t runs_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t runs_changed = PTHREAD_COND_INITIALIZER;
static long next_count = -1;

/* ---- the line to the benchmark ---- */

static void say(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vprintf(format, values);
  va_end(values);
  putchar('\n');
  fflush(stdout);
}

static void fail(const char *what) {
  say("fail %s: %s", what, zmq_strerror(zmq_errno()));
  _exit(1);
}

static void check(int result, const char *what) {
  if (result < 0) fail(what);
}

/* Reads stdin in a thread of its own, so that a role ends with the benchmark whatever it is doing. */
static void *listen_to_parent(void *unused) {
  char line[64];
  (void)unused;
  while (fgets(line, sizeof line, stdin) != NULL) {
    long count;
    if (sscanf(line, "run %ld", &count) != 1) continue;
    pthread_mutex_lock(&runs_lock);
    next_count = count;
    pthread_cond_signal(&runs_changed);
    pthread_mutex_unlock(&runs_lock);
  }
  _exit(0);
}

/* Waits until it is told to run; gives the count. */
static long next_run(void) {
  pthread_mutex_lock(&runs_lock);
  while (next_count < 0) pthread_cond_wait(&runs_changed, &runs_lock);
  long count = next_count;
  next_count = -1;
  pthread_mutex_unlock(&runs_lock);
  return count;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- arguments ---- */

static const char *given(const char *key) {
  size_t length = strlen(key);
  for (int i = 2; i < argument_count; i++) {
    if (strncmp(arguments[i], key, length) == 0 && arguments[i][length] == '=')
      return arguments[i] + length + 1;
  }
  return NULL;
}

static long given_number(const char *key, long otherwise) {
  const char *text = given(key);
  return text == NULL ? otherwise : atol(text);
}

/* ---- sockets ---- */

static void set(void *socket, int option, int value) {
  check(zmq_setsockopt(socket, option, &value, sizeof value), "option");
}

static void set_key(void *socket, int option, const char *key) {
  check(zmq_setsockopt(socket, option, key, strlen(key) + 1), "CURVE key");
}

static void *open_socket(int type) {
  void *socket = zmq_socket(context, type);
  if (socket == NULL) fail("socket");
  set(socket, ZMQ_LINGER, 0);
  const char *mark = given("hwm");
  if (mark != NULL) {
    set(socket, ZMQ_SNDHWM, atoi(mark));
    set(socket, ZMQ_RCVHWM, atoi(mark));
  }
  const char *secret_key = given("secretkey");
  if (secret_key != NULL) {
    const char *server_key = given("serverkey");
    if (server_key == NULL) {
      set(socket, ZMQ_CURVE_SERVER, 1);
    } else {
      set_key(socket, ZMQ_CURVE_SERVERKEY, server_key);
      set_key(socket, ZMQ_CURVE_PUBLICKEY, given("publickey"));
    }
    set_key(socket, ZMQ_CURVE_SECRETKEY, secret_key);
  }
  return socket;
}

static void bind_to(void *socket, const char *endpoint, char *bound) {
  size_t size = ENDPOINT_BYTES;
  check(zmq_bind(socket, endpoint), endpoint);
  check(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound, &size), "last endpoint");
}

/* Opens a socket and binds or connects it, as the arguments say. */
static void *open_attached(int type, char *endpoint) {
  void *socket = open_socket(type);
  if (given("bind") != NULL) {
    bind_to(socket, given("bind"), endpoint);
  } else {
    snprintf(endpoint, ENDPOINT_BYTES, "%s", given("connect"));
    check(zmq_connect(socket, endpoint), endpoint);
  }
  return socket;
}

static void send_body(void *socket, const char *body, size_t bytes) {
  check(zmq_send(socket, body, bytes, 0), "send");
}

static void receive_body(void *socket, zmq_msg_t *message) {
  check(zmq_msg_recv(message, socket, 0), "receive");
}

/* Throws away what is there: of a socket that is told to count, everything from before. */
static void drain(void *socket) {
  zmq_msg_t message;
  zmq_msg_init(&message);
  while (zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) >= 0) {
  }
  zmq_msg_close(&message);
}

static char *make_body(size_t bytes, char first) {
  char *body = malloc(bytes);
  memset(body, 'x', bytes);
  body[0] = first;
  return body;
}

/* Sends one message on, all its frames. */
static void pass_on(void *from, void *to, zmq_msg_t *message) {
  for (;;) {
    receive_body(from, message);
    int has_more = zmq_msg_more(message);
    check(zmq_msg_send(message, to, has_more ? ZMQ_SNDMORE : 0), "send");
    if (!has_more) return;
  }
}

/* ---- roles: round trips ---- */

/* REP and ROUTER: return what they get. */
static void echo(int type) {
  char endpoint[ENDPOINT_BYTES];
  zmq_msg_t message;
  void *socket = open_attached(type, endpoint);
  say("ready %s", endpoint);
  zmq_msg_init(&message);
  for (;;) pass_on(socket, socket, &message);
}

static void request(void) {
  char endpoint[ENDPOINT_BYTES];
  zmq_msg_t reply;
  size_t bytes = (size_t)given_number("bytes", 10);
  char *body = make_body(bytes, 'x');
  void *socket = open_attached(ZMQ_REQ, endpoint);
  say("ready");
  zmq_msg_init(&reply);
  for (;;) {
    long count = next_run();
    double start = now();
    for (long i = 0; i < count; i++) {
      send_body(socket, body, bytes);
      receive_body(socket, &reply);
    }
    say("done %.9f", now() - start);
  }
}

/* Keeps requests in flight. */
static void dealer(void) {
  char endpoint[ENDPOINT_BYTES];
  zmq_msg_t reply;
  size_t bytes = (size_t)given_number("bytes", 10);
  long in_flight = given_number("inflight", 100);
  char *body = make_body(bytes, 'x');
  void *socket = open_attached(ZMQ_DEALER, endpoint);
  say("ready");
  zmq_msg_init(&reply);
  for (;;) {
    long count = next_run();
    long sent = 0;
    double start = now();
    for (; sent < count && sent < in_flight; sent++) send_body(socket, body, bytes);
    for (long received = 0; received < count; received++) {
      receive_body(socket, &reply);
      if (sent < count) {
        send_body(socket, body, bytes);
        sent++;
      }
    }
    say("done %.9f", now() - start);
  }
}

/* Many DEALERs, one request each. */
static void clients(void) {
  static void *sockets[MAX_SOCKETS];
  static zmq_pollitem_t items[MAX_SOCKETS];
  zmq_msg_t reply;
  int amount = (int)given_number("clients", 1000);
  size_t bytes = (size_t)given_number("bytes", 10);
  char *body = make_body(bytes, 'x');
  zmq_msg_init(&reply);
  for (int i = 0; i < amount; i++) {
    char endpoint[ENDPOINT_BYTES];
    sockets[i] = open_attached(ZMQ_DEALER, endpoint);
    items[i] = (zmq_pollitem_t){sockets[i], 0, ZMQ_POLLIN, 0};
  }
  for (int i = 0; i < amount; i++) send_body(sockets[i], body, bytes); /* all are there */
  for (int i = 0; i < amount; i++) receive_body(sockets[i], &reply);
  say("ready");
  for (;;) {
    long count = next_run();
    long sent = 0;
    long received = 0;
    double start = now();
    for (; sent < count && sent < amount; sent++) send_body(sockets[sent], body, bytes);
    while (received < count) {
      check(zmq_poll(items, amount, -1), "poll");
      for (int i = 0; i < amount; i++) {
        if (!(items[i].revents & ZMQ_POLLIN)) continue;
        receive_body(sockets[i], &reply);
        received++;
        if (sent < count) {
          send_body(sockets[i], body, bytes);
          sent++;
        }
      }
    }
    say("done %.9f", now() - start);
  }
}

/* Connects, asks once and closes, again and again, with some of these at a time. */
static void connects(void) {
  static zmq_pollitem_t items[MAX_SOCKETS];
  zmq_msg_t reply;
  int lanes = (int)given_number("lanes", 16);
  size_t bytes = (size_t)given_number("bytes", 10);
  char *body = make_body(bytes, 'x');
  say("ready");
  zmq_msg_init(&reply);
  for (;;) {
    long count = next_run();
    long opened = 0;
    long finished = 0;
    double start = now();
    int open = 0;
    while (finished < count) {
      while (open < lanes && opened < count) {
        char endpoint[ENDPOINT_BYTES];
        void *socket = open_attached(ZMQ_REQ, endpoint);
        send_body(socket, body, bytes);
        items[open++] = (zmq_pollitem_t){socket, 0, ZMQ_POLLIN, 0};
        opened++;
      }
      check(zmq_poll(items, open, -1), "poll");
      for (int i = open - 1; i >= 0; i--) {
        if (!(items[i].revents & ZMQ_POLLIN)) continue;
        receive_body(items[i].socket, &reply);
        zmq_close(items[i].socket);
        items[i] = items[--open];
        finished++;
      }
    }
    say("done %.9f", now() - start);
  }
}

/* ---- roles: one way ---- */

/* PUSH and PUB. Topics are the first byte of the body: a, b ... in turn. */
static void sender(int type) {
  char endpoint[ENDPOINT_BYTES];
  char *bodies[2];
  size_t bytes = (size_t)given_number("bytes", 10);
  long topics = given_number("topics", 1);
  for (int i = 0; i < 2; i++) bodies[i] = make_body(bytes, (char)('a' + i));
  void *socket = open_attached(type, endpoint);
  say("ready %s", endpoint);
  for (;;) {
    long count = next_run();
    double start = now();
    for (long i = 0; i < count; i++) send_body(socket, bodies[i & (topics - 1)], bytes);
    say("done %.9f", now() - start);
  }
}

/* Receives from one socket after the other whatever there is, until all that was expected has come. */
static void receive_from_many(void **sockets, int amount, long count, double *start) {
  static zmq_pollitem_t items[MAX_SOCKETS];
  zmq_msg_t message;
  zmq_msg_init(&message);
  for (int i = 0; i < amount; i++) items[i] = (zmq_pollitem_t){sockets[i], 0, ZMQ_POLLIN, 0};
  for (long received = 0; received < count;) {
    check(zmq_poll(items, amount, -1), "poll");
    if (received == 0) *start = now();
    for (int i = 0; i < amount; i++) {
      if (!(items[i].revents & ZMQ_POLLIN)) continue;
      while (zmq_msg_recv(&message, sockets[i], ZMQ_DONTWAIT) >= 0) received++;
    }
  }
  zmq_msg_close(&message);
}

/* PULL, or any number of SUBs. SUBs are ready when each has got a first message. */
static void receiver(int type) {
  static void *sockets[MAX_SOCKETS];
  char endpoint[ENDPOINT_BYTES];
  zmq_msg_t message;
  int amount = (int)given_number("sockets", 1);
  long topics = given_number("topics", 1);
  zmq_msg_init(&message);
  for (int i = 0; i < amount; i++) {
    sockets[i] = open_attached(type, endpoint);
    if (type == ZMQ_SUB) {
      char topic = (char)('a' + i % topics);
      check(zmq_setsockopt(sockets[i], ZMQ_SUBSCRIBE, &topic, 1), "subscribe");
    }
  }
  if (type == ZMQ_SUB) {
    for (int i = 0; i < amount; i++) receive_body(sockets[i], &message);
  }
  say("ready %s", endpoint);
  for (;;) {
    double start = 0;
    long count = next_run();
    for (int i = 0; i < amount; i++) drain(sockets[i]);
    say("ready");
    if (amount > 1) {
      receive_from_many(sockets, amount, count, &start);
    } else {
      receive_body(sockets[0], &message);
      start = now();
      for (long i = 1; i < count; i++) receive_body(sockets[0], &message);
    }
    say("done %.9f", now() - start);
  }
}

/* ---- roles: in the middle ---- */

static void device(void) {
  char front_endpoint[ENDPOINT_BYTES];
  char back_endpoint[ENDPOINT_BYTES];
  const char *kind = given("kind");
  int front_type = ZMQ_ROUTER;
  int back_type = ZMQ_DEALER;
  if (strcmp(kind, "FORWARDER") == 0) {
    front_type = ZMQ_XSUB;
    back_type = ZMQ_XPUB;
  } else if (strcmp(kind, "STREAMER") == 0) {
    front_type = ZMQ_PULL;
    back_type = ZMQ_PUSH;
  }
  void *front = open_socket(front_type);
  void *back = open_socket(back_type);
  bind_to(front, "tcp://127.0.0.1:*", front_endpoint);
  bind_to(back, "tcp://127.0.0.1:*", back_endpoint);
  say("ready %s %s", front_endpoint, back_endpoint);
  check(zmq_proxy(front, back, NULL), "proxy");
}

/* ---- roles: out to many and back ---- */

struct sending {
  void *socket;
  long count;
  const char *body;
  size_t bytes;
};

static void *send_count(void *argument) {
  struct sending *sending = argument;
  for (long i = 0; i < sending->count; i++)
    send_body(sending->socket, sending->body, sending->bytes);
  return NULL;
}

/* PUSH out, PULL what comes back: the one in a thread of its own, since both block. */
static void ventilator(void) {
  char out_endpoint[ENDPOINT_BYTES];
  char back_endpoint[ENDPOINT_BYTES];
  zmq_msg_t message;
  size_t bytes = (size_t)given_number("bytes", 10);
  char *body = make_body(bytes, 'x');
  void *out = open_socket(ZMQ_PUSH);
  void *back = open_socket(ZMQ_PULL);
  bind_to(out, "tcp://127.0.0.1:*", out_endpoint);
  bind_to(back, "tcp://127.0.0.1:*", back_endpoint);
  say("ready %s %s", out_endpoint, back_endpoint);
  zmq_msg_init(&message);
  for (;;) {
    pthread_t thread;
    struct sending sending = {out, next_run(), body, bytes};
    double start = now();
    pthread_create(&thread, NULL, send_count, &sending);
    for (long i = 0; i < sending.count; i++) receive_body(back, &message);
    double seconds = now() - start;
    pthread_join(thread, NULL);
    say("done %.9f", seconds);
  }
}

/* PULLs that push what they get back. */
static void returners(void) {
  static zmq_pollitem_t items[MAX_SOCKETS];
  static void *pushes[MAX_SOCKETS];
  zmq_msg_t message;
  int amount = (int)given_number("sockets", 8);
  zmq_msg_init(&message);
  for (int i = 0; i < amount; i++) {
    void *pull = open_socket(ZMQ_PULL);
    check(zmq_connect(pull, given("connect")), "connect");
    pushes[i] = open_socket(ZMQ_PUSH);
    check(zmq_connect(pushes[i], given("back")), "connect");
    items[i] = (zmq_pollitem_t){pull, 0, ZMQ_POLLIN, 0};
  }
  say("ready");
  for (;;) {
    check(zmq_poll(items, amount, -1), "poll");
    for (int i = 0; i < amount; i++) {
      if (!(items[i].revents & ZMQ_POLLIN)) continue;
      while (zmq_msg_recv(&message, items[i].socket, ZMQ_DONTWAIT) >= 0)
        check(zmq_msg_send(&message, pushes[i], 0), "send");
    }
  }
}

/* ---- roles: one process ---- */

/* Both ends of a round trip in one thread. */
static void inproc(void) {
  char endpoint[ENDPOINT_BYTES];
  zmq_msg_t message;
  size_t bytes = (size_t)given_number("bytes", 10);
  char *body = make_body(bytes, 'x');
  void *reply = open_socket(ZMQ_REP);
  void *request = open_socket(ZMQ_REQ);
  bind_to(reply, "inproc://bench", endpoint);
  check(zmq_connect(request, endpoint), "connect");
  say("ready");
  zmq_msg_init(&message);
  for (;;) {
    long count = next_run();
    double start = now();
    for (long i = 0; i < count; i++) {
      send_body(request, body, bytes);
      pass_on(reply, reply, &message);
      receive_body(request, &message);
    }
    say("done %.9f", now() - start);
  }
}

static void *echo_thread(void *unused) {
  zmq_msg_t message;
  void *socket = open_socket(ZMQ_REP);
  (void)unused;
  check(zmq_connect(socket, "inproc://bench"), "connect");
  zmq_msg_init(&message);
  for (;;) pass_on(socket, socket, &message);
  return NULL;
}

struct counting {
  void *socket;
  long count;
  double seconds;
};

static void *count_thread(void *argument) {
  struct counting *counting = argument;
  zmq_msg_t message;
  zmq_msg_init(&message);
  receive_body(counting->socket, &message);
  double start = now();
  for (long i = 1; i < counting->count; i++) receive_body(counting->socket, &message);
  counting->seconds = now() - start;
  zmq_msg_close(&message);
  return NULL;
}

/* The same between two threads: round trips, or one way. */
static void threads(void) {
  char endpoint[ENDPOINT_BYTES];
  pthread_t thread;
  zmq_msg_t message;
  size_t bytes = (size_t)given_number("bytes", 10);
  char *body = make_body(bytes, 'x');
  int is_one_way = strcmp(given("what"), "one-way") == 0;
  void *socket = open_socket(is_one_way ? ZMQ_PUSH : ZMQ_REQ);
  void *pull = NULL;
  bind_to(socket, "inproc://bench", endpoint);
  if (is_one_way) {
    pull = open_socket(ZMQ_PULL);
    check(zmq_connect(pull, endpoint), "connect");
  } else {
    pthread_create(&thread, NULL, echo_thread, NULL);
  }
  say("ready");
  zmq_msg_init(&message);
  for (;;) {
    long count = next_run();
    if (is_one_way) {
      struct counting counting = {pull, count, 0}; /* the socket goes to the thread, by a full fence */
      pthread_create(&thread, NULL, count_thread, &counting);
      for (long i = 0; i < count; i++) send_body(socket, body, bytes);
      pthread_join(thread, NULL);
      say("done %.9f", counting.seconds);
    } else {
      double start = now();
      for (long i = 0; i < count; i++) {
        send_body(socket, body, bytes);
        receive_body(socket, &message);
      }
      say("done %.9f", now() - start);
    }
  }
}

/* ---- the program ---- */

static void print_version(void) {
  int major, minor, patch;
  zmq_version(&major, &minor, &patch);
  say("%d.%d.%d%s", major, minor, patch, zmq_has("curve") ? " curve" : "");
}

static void allow_many_files(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int count, char **values) {
  pthread_t thread;
  argument_count = count;
  arguments = values;
  const char *role = count > 1 ? values[1] : "";
  if (strcmp(role, "version") == 0) {
    print_version();
    return 0;
  }
  allow_many_files();
  context = zmq_ctx_new();
  zmq_ctx_set(context, ZMQ_MAX_SOCKETS, MAX_SOCKETS);
  pthread_create(&thread, NULL, listen_to_parent, NULL);
  if (strcmp(role, "reply") == 0) echo(ZMQ_REP);
  else if (strcmp(role, "router") == 0) echo(ZMQ_ROUTER);
  else if (strcmp(role, "request") == 0) request();
  else if (strcmp(role, "dealer") == 0) dealer();
  else if (strcmp(role, "clients") == 0) clients();
  else if (strcmp(role, "connects") == 0) connects();
  else if (strcmp(role, "push") == 0) sender(ZMQ_PUSH);
  else if (strcmp(role, "pub") == 0) sender(ZMQ_PUB);
  else if (strcmp(role, "pull") == 0) receiver(ZMQ_PULL);
  else if (strcmp(role, "sub") == 0) receiver(ZMQ_SUB);
  else if (strcmp(role, "device") == 0) device();
  else if (strcmp(role, "ventilator") == 0) ventilator();
  else if (strcmp(role, "returners") == 0) returners();
  else if (strcmp(role, "inproc") == 0) inproc();
  else if (strcmp(role, "threads") == 0) threads();
  say("fail there is no role %s", role);
  return 1;
}
