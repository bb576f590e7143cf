/* stampede: a closed-loop HTTP/1.1 load generator for a machine it shares with the system under test.
 *
 * One thread, one epoll, edge-triggered and registered once a connection: an answered request costs one
 * send, one recv and a share of an epoll_wait. Each connection is a buyer who sends a request, waits for
 * the complete answer, and sends the next. Read it bottom up for the story, top down for the parts.
 *
 * Words: a REQUEST is what a buyer wants (one idempotency key); an ATTEMPT is one sending of it.
 * An answer of 503 or 429, a timeout or a broken connection leads to another attempt with the same key.
 * Latency is an attempt's: from the sending to the moment the generator learns that the answer is there;
 * the opening of connections is measured apart. All times inside are nanoseconds of the monotonic clock. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_CLASSES = 32, MAX_RULES = 64, MAX_PIECES = 64, SAMPLES_PER_CLASS = 3,
    EVENTS = 256,           /* few enough that the last of a batch is not handled much after its clock was read */
    RECEIVE = 64 << 10,     /* one buffer for all: most answers come whole in one recv and are never copied */
    MAX_ANSWER = 8 << 20,   /* a longer answer is no answer to a buyer's request */
    OPENS_PER_MS = 16,      /* 6,000 in 0.4 s: about what one busy server thread accepts; bursts fit a backlog of 100 */
    MAX_CONNECTING = 64,    /* more half-open than this means the backlog is full and SYNs are being dropped */
    WHEEL_MS = 4096, SWEEP_MS = 20,
    REOPEN_MS = 100, REOPEN_DOUBLINGS = 3, /* 0.1 to 0.8 s (times the jitter) after a connection that never gave an answer */
    DEFAULT_RETRY_MS = 1000 /* for a 503 or 429 that names no Retry-After */
};
static const int64_t MS = 1000000, SECOND = 1000000000;

/* ---- histograms: 128 buckets for each power of two, so a percentile is within 0.4 % ---- */
enum { SUB = 128, TOP_BIT = 40 /* 18 minutes */, BUCKETS = (TOP_BIT - 6) * SUB };

struct histogram { uint64_t count; int64_t sum, max; uint32_t buckets[BUCKETS]; };

static void histogram_add(struct histogram *h, int64_t value) {
    if (value < 0) value = 0;
    h->count++, h->sum += value;
    if (value > h->max) h->max = value;
    if (value >= (INT64_C(1) << TOP_BIT)) value = (INT64_C(1) << TOP_BIT) - 1;
    int shift = value < SUB ? 0 : 63 - __builtin_clzll((uint64_t)value) - 7;
    h->buckets[shift * SUB + (int)(value >> shift)]++;
}

static double percentile_ms(const struct histogram *h, double share) {
    uint64_t rank = (uint64_t)(share * (double)h->count + 0.999999), seen = 0;
    for (int i = 0; i < BUCKETS && h->count; i++) {
        if ((seen += h->buckets[i]) < rank || !seen) continue;
        int shift = i < 2 * SUB ? 0 : i / SUB - 1;
        double middle = ((double)(i - shift * SUB) + (shift ? 0.5 : 0.0)) * (double)(INT64_C(1) << shift);
        return (middle > (double)h->max ? (double)h->max : middle) / 1e6;
    }
    return 0;
}

static void print_histogram(const struct histogram *h) {
    printf("{\"p50\":%.6f,\"p95\":%.6f,\"p99\":%.6f,\"max\":%.6f,\"mean\":%.6f}", percentile_ms(h, .50), percentile_ms(h, .95),
           percentile_ms(h, .99), (double)h->max / 1e6, h->count ? (double)h->sum / (double)h->count / 1e6 : 0.0);
}

/* ---- what was asked for, and what has happened so far ---- */
struct class { char name[48]; int64_t first, last; int samples; struct histogram latency; };
struct rule { int class, status; /* 0: any */ char *text; /* NULL: any */ size_t length; };
enum piece_kind { TEXT, TOKEN, KEY, BUYER, VALUE, LENGTH };
struct lines { char **items; size_t count, longest; };
struct piece { enum piece_kind kind; const char *text; size_t length; };
struct template { struct piece pieces[MAX_PIECES]; int count; };

enum { OTHER, TIMEOUT, CONNECTION_FAILED, MALFORMED };  /* the classes that need no rule */

static struct {
    struct sockaddr_in address; int connections; double duration_s, timeout_s, ramp_ms, think_ms, per_second;
    uint64_t requests, per_buyer, max_attempts, stop_count, random; int stop_class; const char *run_id;
    bool honour_retry_after, progress, bodyless, rotate_tokens; FILE *samples; struct template head, body; struct lines tokens, values;
} ask = {.connections = 1, .duration_s = 60, .timeout_s = 10, .stop_class = -1, .random = 1};

static struct class classes[MAX_CLASSES] = {{.name = "other"}, {.name = "timeout"}, {.name = "connection_failed"}, {.name = "malformed"}};
static struct rule rules[MAX_RULES];
static int class_count = 4, rule_count;
static struct {
    uint64_t started, answered, abandoned, attempts, retries, connects, reconnects, connect_failures;
    struct histogram connecting;
} tally;

static int64_t begin, now;      /* now: when the present batch of events was handed over */
static const char *ended_by;    /* set once no further attempt may start */
static volatile sig_atomic_t interruptions;

static int64_t clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static double jitter(void) { /* xorshift64*: 1.0 to 2.0 */
    ask.random ^= ask.random >> 12, ask.random ^= ask.random << 25, ask.random ^= ask.random >> 27;
    return 1.0 + (double)((ask.random * UINT64_C(2685821657736338717)) >> 11) / (double)(UINT64_C(1) << 53);
}

__attribute__((format(printf, 1, 2), noreturn)) static void refuse(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("stampede: ", stderr), vfprintf(stderr, format, arguments), fputs(" (see --help)\n", stderr);
    exit(2);
}

static void *need(void *memory) {
    if (memory) return memory;
    fputs("stampede: out of memory\n", stderr);
    exit(1);
}

static void record(int class, int64_t latency) {
    struct class *c = &classes[class];
    if (!c->latency.count) c->first = now - begin;
    c->last = now - begin;
    histogram_add(&c->latency, latency);
    if (class == ask.stop_class && c->latency.count >= ask.stop_count && !ended_by) ended_by = "stop_when";
}

/* ---- the answer: read as far as it has come, continue where the last look stopped ---- */
struct answer { int status; bool close, chunked, until_close; size_t head, scan, end; double retry_after_s; };

static bool header_is(const char *line, const char *name) { return !strncasecmp(line, name, strlen(name)); }

static int read_head(struct answer *a, const char *text, size_t length) {
    const char *blank = memmem(text, length, "\r\n\r\n", 4);
    if (!blank) return 0;
    if (length < 12 || memcmp(text, "HTTP/1.", 7) || (a->status = atoi(text + 9)) < 100 || a->status > 599) return -1;
    *a = (struct answer){.status = a->status, .close = text[7] == '0', .until_close = true, .retry_after_s = -1, .head = (size_t)(blank - text) + 4};
    a->scan = a->end = a->head;
    for (const char *line = text; (line = memchr(line, '\n', (size_t)(blank - line)));) {
        switch (*++line | 0x20) {
        case 'c':
            if (header_is(line, "content-length:")) a->end = a->head + strtoull(line + 15, NULL, 10), a->until_close = false;
            else if (header_is(line, "connection:")) a->close = line[11 + strspn(line + 11, " ")] == 'c' || line[11 + strspn(line + 11, " ")] == 'C';
            break;
        case 't':
            if (header_is(line, "transfer-encoding:")) a->chunked = true;
            break;
        case 'r':
            if (header_is(line, "retry-after:")) a->retry_after_s = strtod(line + 12, NULL);
        }
    }
    if (a->chunked || a->status == 204 || a->status == 304 || a->status < 200 || ask.bodyless) a->until_close = false;
    if (a->status == 204 || a->status == 304 || a->status < 200 || ask.bodyless) a->end = a->head, a->chunked = false;
    return a->end < a->head || a->end > MAX_ANSWER ? -1 : 1;
}

static int read_chunks(struct answer *a, const char *text, size_t length) {
    while (a->scan < length) {
        const char *line = text + a->scan, *newline = memchr(line, '\n', length - a->scan);
        if (!newline) return 0;
        char *digits_end;
        size_t size = strtoull(line, &digits_end, 16), next = (size_t)(newline - text) + 1;
        if (digits_end == line || size > MAX_ANSWER || newline[-1] != '\r') return -1;
        if (!size) { /* the last chunk: trailers, if any, end in an empty line as a head does */
            const char *blank = memmem(newline - 1, length - next + 2, "\r\n\r\n", 4);
            if (blank) a->end = (size_t)(blank - text) + 4;
            return blank != NULL;
        }
        a->scan = next + size + 2;
    }
    return 0;
}

/* 1: complete, 0: more is to come, -1: this is not HTTP. `text` has a NUL behind its last byte. */
static int read_answer(struct answer *a, char *text, size_t *length) {
    while (!a->head || a->status < 200) {
        if (a->head) memmove(text, text + a->head, *length - a->head + 1), *length -= a->head, a->head = 0; /* 100 Continue */
        int known = read_head(a, text, *length);
        if (known < 1) return known;
    }
    if (a->chunked) return read_chunks(a, text, *length);
    return !a->until_close && *length >= a->end;
}

static char *take_chunks_out(const struct answer *a, char *text, size_t *length) {
    char *from = text + a->head, *to = from;
    for (size_t size; (size = strtoull(from, NULL, 16)) > 0; to += size) {
        from = strchr(from, '\n') + 1;
        memmove(to, from, size);
        from += size + 2;
    }
    *length = (size_t)(to - text) - a->head;
    return text + a->head;
}

static int classify(int status, const char *body, size_t length) {
    for (const struct rule *r = rules; r < rules + rule_count; r++)
        if ((!r->status || r->status == status) && (!r->text || memmem(body, length, r->text, r->length))) return r->class;
    return OTHER;
}

static void keep_sample(int class, int status, const char *body, size_t length) {
    if (!ask.samples || classes[class].samples++ >= SAMPLES_PER_CLASS) return;
    fprintf(ask.samples, "=== %s, status %d, %zu bytes\n", classes[class].name, status, length);
    fwrite(body, 1, length, ask.samples), fputc('\n', ask.samples);
}

/* ---- the buyers ---- */
enum state { IDLE, CONNECTING, AWAITING, PAUSING };
struct buyer {
    int fd; enum state state; bool served /* this connection gave an answer */, opened_before, retrying, waits /* for the time of its turn */;
    uint64_t sequence, turn /* how many requests were started before this one, by all */, attempts; int64_t since, turn_at /* 0 once it was sent */, due_ms; struct buyer *next;
    struct answer answer; char *in, *out; size_t in_length, in_capacity, out_length, out_sent;
};
static struct buyer *buyers, *wheel[WHEEL_MS];
static int epoll, opened, connecting, in_flight, pausing;
static int64_t wheel_ms;
static char received[RECEIVE], *outgoing;

static void proceed(struct buyer *b);
static void pause_then_proceed(struct buyer *b, double pause_ms);
static void fail_attempt(struct buyer *b, int class);

static void enter(struct buyer *b, enum state state) {
    connecting += (state == CONNECTING) - (b->state == CONNECTING);
    pausing += (state == PAUSING) - (b->state == PAUSING);
    in_flight += (state == CONNECTING || state == AWAITING) - (b->state == CONNECTING || b->state == AWAITING);
    b->state = state;
}

static void forget_buffers(struct buyer *b) {
    if (b->in) free(b->in), b->in = NULL;
    if (b->out) free(b->out), b->out = NULL;
    b->in_length = b->in_capacity = b->out_length = b->out_sent = 0;
    b->answer.head = 0;
}

static void close_connection(struct buyer *b, bool reset) {
    if (b->fd < 0) return;
    struct linger at_once = {.l_onoff = 1}; /* a broken connection must not hold a port in TIME_WAIT */
    if (reset) setsockopt(b->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(b->fd);
    b->fd = -1, b->served = false;
    forget_buffers(b);
}

static char *put(char *to, const char *text, size_t length) { return (char *)memcpy(to, text, length) + length; }

static const char *line_at(const struct lines *lines, uint64_t turn) { return lines->count ? lines->items[turn % lines->count] : ""; }

static size_t render(const struct buyer *b) {
    char number[24], key[128], length_text[24];
    const char *token = line_at(&ask.tokens, ask.rotate_tokens ? b->turn : (uint64_t)(b - buyers)), *value = line_at(&ask.values, b->turn);
    const char *values[] = {[TOKEN] = token, [KEY] = key, [BUYER] = number, [VALUE] = value, [LENGTH] = length_text};
    size_t body = 0, lengths[] = {[TOKEN] = strlen(token), [VALUE] = strlen(value), [LENGTH] = 0,
                                  [BUYER] = (size_t)sprintf(number, "%td", b - buyers),
                                  [KEY] = (size_t)sprintf(key, "%s-%td-%" PRIu64, ask.run_id, b - buyers, b->sequence)};
    for (const struct piece *p = ask.body.pieces; p < ask.body.pieces + ask.body.count; p++)
        body += p->kind == TEXT ? p->length : lengths[p->kind];
    lengths[LENGTH] = (size_t)sprintf(length_text, "%zu", body);
    char *to = outgoing;
    for (const struct template *t = &ask.head; t; t = t == &ask.head ? &ask.body : NULL)
        for (const struct piece *p = t->pieces; p < t->pieces + t->count; p++)
            to = p->kind == TEXT ? put(to, p->text, p->length) : put(to, values[p->kind], lengths[p->kind]);
    return (size_t)(to - outgoing);
}

static void send_request(struct buyer *b) {
    size_t length = render(b);
    b->since = b->turn_at ? b->turn_at : clock_ns(); /* who is late because others were is late */
    b->turn_at = 0;
    enter(b, AWAITING);
    ssize_t sent = send(b->fd, outgoing, length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return fail_attempt(b, CONNECTION_FAILED);
    if (sent < 0) sent = 0;
    if ((size_t)sent == length) return;
    b->out_length = length - (size_t)sent, b->out_sent = 0;
    b->out = memcpy(need(malloc(b->out_length)), outgoing + sent, b->out_length);
}

static void send_rest(struct buyer *b) {
    ssize_t sent = send(b->fd, b->out + b->out_sent, b->out_length - b->out_sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return fail_attempt(b, CONNECTION_FAILED);
    if (sent > 0 && (b->out_sent += (size_t)sent) == b->out_length) free(b->out), b->out = NULL;
}

static void open_connection(struct buyer *b) {
    b->since = clock_ns();
    enter(b, CONNECTING);
    b->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct epoll_event all = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = b};
    if (b->fd < 0 || (connect(b->fd, (struct sockaddr *)&ask.address, sizeof ask.address) && errno != EINPROGRESS) ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, b->fd, &all))
        fail_attempt(b, CONNECTION_FAILED);
}

static void connected(struct buyer *b) {
    tally.connects++, tally.reconnects += b->opened_before, b->opened_before = true;
    histogram_add(&tally.connecting, clock_ns() - b->since);
    if (ended_by) enter(b, IDLE);
    else send_request(b);
}

static void attempt(struct buyer *b) {
    if (ended_by) return enter(b, IDLE);
    b->waits = false;
    b->attempts++, tally.attempts++, tally.retries += b->retrying;
    if (b->fd < 0) open_connection(b);
    else send_request(b);
}

/* The next thing this buyer does: the same request again, or a new one while there are any left to start. */
static void proceed(struct buyer *b) {
    if (b->retrying || b->waits) return attempt(b);
    bool left = (!ask.requests || tally.started < ask.requests) && (!ask.per_buyer || b->sequence < ask.per_buyer);
    if (ended_by || !left) return enter(b, IDLE);
    b->turn = tally.started++, b->sequence++, b->attempts = 0;
    if (!(ask.per_second > 0)) return attempt(b);
    b->waits = true, b->turn_at = begin + (int64_t)((double)b->turn / ask.per_second * 1e9);
    pause_then_proceed(b, (double)(b->turn_at - clock_ns()) / (double)MS);
}

static void pause_then_proceed(struct buyer *b, double pause_ms) {
    if (pause_ms <= 0) return proceed(b);
    enter(b, PAUSING);
    b->due_ms = (clock_ns() - begin) / MS + (int64_t)pause_ms + 1;
    b->next = wheel[b->due_ms % WHEEL_MS], wheel[b->due_ms % WHEEL_MS] = b;
}

static void try_again(struct buyer *b, double pause_ms) {
    b->retrying = !ask.max_attempts || b->attempts < ask.max_attempts;
    tally.abandoned += !b->retrying;
    pause_then_proceed(b, pause_ms > ask.think_ms ? pause_ms : ask.think_ms);
}

static void fail_attempt(struct buyer *b, int class) {
    record(class, now - b->since);
    tally.connect_failures += b->state == CONNECTING;
    int doublings = b->attempts > REOPEN_DOUBLINGS ? REOPEN_DOUBLINGS : (int)b->attempts - 1;
    double pause_ms = b->served ? 0 : (REOPEN_MS << doublings) * jitter(); /* a kept-alive connection may end at any time: no pause */
    close_connection(b, true);
    try_again(b, pause_ms);
}

static void take_answer(struct buyer *b, char *text, size_t length) {
    struct answer a = b->answer;
    char *body = text + a.head;
    size_t body_length = (a.until_close ? length : a.end) - a.head;
    if (a.chunked) body = take_chunks_out(&a, text, &body_length);
    int class = classify(a.status, body, body_length);
    record(class, now - b->since);
    keep_sample(class, a.status, body, body_length);
    bool out_of_step = b->out || length > a.end; /* answered before all was sent, or more than was asked for */
    b->served = true;
    forget_buffers(b);
    if (a.close || a.until_close || out_of_step) close_connection(b, false);
    if (a.status == 503 || a.status == 429) {
        double wait_ms = a.retry_after_s < 0 ? DEFAULT_RETRY_MS : a.retry_after_s * 1000;
        return try_again(b, ask.honour_retry_after ? wait_ms * jitter() : 0);
    }
    tally.answered++, b->retrying = false;
    pause_then_proceed(b, ask.think_ms);
}

static void peer_closed(struct buyer *b) {
    if (b->state != AWAITING) return close_connection(b, false); /* between requests: reopened when next needed */
    if (!b->answer.head || !b->answer.until_close) return fail_attempt(b, CONNECTION_FAILED);
    take_answer(b, b->in, b->in_length);
}

static void grow(struct buyer *b) {
    if (b->in_capacity - b->in_length > 4096) return;
    b->in_capacity = 2 * b->in_capacity + 16384;
    b->in = need(realloc(b->in, b->in_capacity));
}

static void receive(struct buyer *b, bool closing) {
    for (;;) {
        char *text = b->in ? b->in : received;
        size_t room = (b->in ? b->in_capacity - b->in_length : sizeof received) - 1;
        ssize_t got = recv(b->fd, text + b->in_length, room, 0);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0 || b->state != AWAITING) return got < 0 && b->state == AWAITING ? fail_attempt(b, CONNECTION_FAILED) : peer_closed(b);
        size_t length = b->in_length + (size_t)got;
        text[length] = 0;
        int complete = length > MAX_ANSWER ? -1 : read_answer(&b->answer, text, &length);
        if (complete < 0) return fail_attempt(b, MALFORMED);
        b->answer.close |= complete && closing;
        if (complete) return take_answer(b, text, length);
        if (!b->in) b->in_capacity = length + 16384, b->in = memcpy(need(malloc(b->in_capacity)), received, length);
        b->in_length = length;
        grow(b);
        if ((size_t)got < room && !closing) return; /* a short read: the next byte brings its own event */
    }
}

static void handle(struct buyer *b, uint32_t events) {
    if (b->fd < 0) return;
    if (b->state == CONNECTING) {
        if (events & (EPOLLERR | EPOLLHUP)) fail_attempt(b, CONNECTION_FAILED);
        else if (events & EPOLLOUT) connected(b);
        return;
    }
    if (b->out && events & EPOLLOUT) send_rest(b);
    if (b->fd >= 0 && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) receive(b, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
}

/* ---- time: who is due to open, to go on, to be given up ---- */
static void open_due(void) {
    double per_ms = ask.ramp_ms > 0 ? ask.connections / ask.ramp_ms : OPENS_PER_MS;
    double due = per_ms * (double)(now - begin) / (double)MS + 1;
    while (!ended_by && opened < ask.connections && opened < due && connecting < MAX_CONNECTING) proceed(&buyers[opened++]);
}

static void wake_due(void) {
    for (int64_t today = (now - begin) / MS; wheel_ms <= today; wheel_ms++) {
        struct buyer *due = wheel[wheel_ms % WHEEL_MS], *next;
        wheel[wheel_ms % WHEEL_MS] = NULL;
        for (; due; due = next) {
            next = due->next;
            if (due->due_ms <= today) proceed(due);
            else due->next = wheel[wheel_ms % WHEEL_MS], wheel[wheel_ms % WHEEL_MS] = due; /* a later turn of the wheel */
        }
    }
}

static void give_up_late(void) {
    static int64_t swept;
    if (now - swept < SWEEP_MS * MS) return;
    swept = now;
    for (struct buyer *b = buyers; b < buyers + opened; b++)
        if ((b->state == CONNECTING || b->state == AWAITING) && (double)(now - b->since) > ask.timeout_s * 1e9) fail_attempt(b, TIMEOUT);
}

static void show_progress(void) {
    static int64_t shown;
    if (!ask.progress || now - begin < shown + SECOND) return;
    shown = (now - begin) / SECOND * SECOND;
    fprintf(stderr, "stampede %3" PRId64 " s: %d opened, %d in flight, %d pausing;", shown / SECOND, opened, in_flight, pausing);
    for (struct class *c = classes; c < classes + class_count; c++)
        if (c->latency.count) fprintf(stderr, " %s %" PRIu64, c->name, c->latency.count);
    fputc('\n', stderr);
}

static int patience_ms(void) {
    if (opened < ask.connections) return 1;
    int ms = 1;
    while (pausing && ms < SWEEP_MS && !wheel[(wheel_ms + ms - 1) % WHEEL_MS]) ms++;
    return pausing ? ms : SWEEP_MS;
}

static bool finished(void) {
    if (!ended_by && (double)(now - begin) >= ask.duration_s * 1e9) ended_by = "duration";
    if (interruptions && !ended_by) ended_by = "signal"; /* what is under way is waited for, unless it is asked twice */
    if (interruptions > 1) return true;
    if (ended_by && in_flight && (double)(now - begin) >= (ask.duration_s + ask.timeout_s) * 1e9) return ended_by = "hard_stop", true;
    if (ended_by) return !in_flight;
    bool all_started = opened == ask.connections || (ask.requests && tally.started >= ask.requests);
    if (!all_started || in_flight || pausing) return false;
    return ended_by = "requests", true;
}

static void stampede(void) {
    struct epoll_event events[EVENTS];
    begin = now = clock_ns();
    do {
        open_due();
        int count = epoll_wait(epoll, events, EVENTS, patience_ms());
        now = clock_ns();
        for (int i = 0; i < count; i++) handle(events[i].data.ptr, events[i].events);
        wake_due();
        give_up_late();
        show_progress();
    } while (!finished());
}

static void report(void) {
    for (struct buyer *b = buyers; b < buyers + opened; b++) tally.started -= b->waits;
    double duration_s = (double)(now - begin) / 1e9;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double user_s = (double)used.ru_utime.tv_sec + (double)used.ru_utime.tv_usec / 1e6;
    double system_s = (double)used.ru_stime.tv_sec + (double)used.ru_stime.tv_usec / 1e6, total_s = user_s + system_s;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    printf("{\"run_id\":\"%s\",\"ended_by\":\"%s\",\"duration_s\":%.6f,\"connections\":%d,", ask.run_id, ended_by, duration_s, opened);
    printf("\"connects\":%" PRIu64 ",\"reconnects\":%" PRIu64 ",\"connect_failures\":%" PRIu64 ",\"connect_ms\":",
           tally.connects, tally.reconnects, tally.connect_failures);
    print_histogram(&tally.connecting);
    printf(",\"requests\":{\"started\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"abandoned\":%" PRIu64 ",\"unanswered\":%" PRIu64 "}",
           tally.started, tally.answered, tally.abandoned, tally.started - tally.answered - tally.abandoned);
    printf(",\"attempts\":%" PRIu64 ",\"retries\":%" PRIu64, tally.attempts, tally.retries);
    printf(",\"cpu\":{\"user_s\":%.6f,\"system_s\":%.6f,\"total_s\":%.6f,\"cores\":%ld,", user_s, system_s, total_s, cores);
    printf("\"share_of_machine\":%.6f,\"us_per_attempt\":%.3f},\"classes\":{",
           total_s / duration_s / (double)cores, tally.attempts ? total_s * 1e6 / (double)tally.attempts : 0.0);
    for (struct class *c = classes; c < classes + class_count; c++) {
        double count = (double)c->latency.count, window_s = (double)(c->last - c->first) / 1e9;
        printf("%s\"%s\":{\"count\":%" PRIu64 ",\"per_second\":%.3f,\"per_second_active\":%.3f,", c == classes ? "" : ",", c->name, c->latency.count,
               count / duration_s, window_s > 0 ? count / window_s : 0.0);
        if (c->latency.count) printf("\"first_s\":%.6f,\"last_s\":%.6f,\"latency_ms\":", (double)c->first / 1e9, (double)c->last / 1e9);
        else printf("\"first_s\":null,\"last_s\":null,\"latency_ms\":");
        print_histogram(&c->latency), putchar('}');
    }
    puts("}}");
}

/* ---- the files and options ---- */
static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) refuse("cannot read %s: %s", path, strerror(errno));
    char *text = NULL;
    size_t length = 0, capacity = 0;
    do {
        if (capacity - length < 65536) text = need(realloc(text, capacity = 2 * capacity + 131072));
        length += fread(text + length, 1, capacity - length - 1, file);
    } while (!feof(file) && !ferror(file));
    fclose(file);
    if (memchr(text, 0, length)) refuse("%s holds a NUL byte", path);
    return text[length] = 0, text;
}

static char *next_line(char **rest) { /* without its line break; NULL behind the last */
    if (!**rest) return NULL;
    char *line = strsep(rest, "\n");
    if (!*rest) *rest = line + strlen(line);
    line[strcspn(line, "\r")] = 0;
    return line;
}

static int find_class(const char *name, bool add) {
    for (int i = 0; i < class_count; i++) if (!strcmp(classes[i].name, name)) return i;
    if (!add) return -1;
    if (class_count == MAX_CLASSES) refuse("more than %d classes", MAX_CLASSES);
    if (!*name || strlen(name) >= sizeof classes->name || name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")])
        refuse("bad class name '%s': letters, digits, '_', '.' and '-', up to 47", name);
    return strcpy(classes[class_count].name, name), class_count++;
}

static void read_rules(const char *path) {
    char *rest = read_file(path), *line;
    while ((line = next_line(&rest))) {
        if (!*line || *line == '#') continue;
        char *name = strsep(&line, "\t"), *status = strsep(&line, "\t");
        if (rule_count == MAX_RULES) refuse("%s: more than %d rules", path, MAX_RULES);
        if (!status || !line || !*line) refuse("%s: want class<TAB>status-or-*<TAB>substring-or-*, got '%s'", path, name);
        int number = strcmp(status, "*") ? atoi(status) : 0;
        if (strcmp(status, "*") && (number < 100 || number > 599)) refuse("%s: bad status '%s'", path, status);
        bool any = !strcmp(line, "*");
        rules[rule_count++] = (struct rule){find_class(name, true), number, any ? NULL : line, any ? 0 : strlen(line)};
    }
}

static void read_lines(struct lines *lines, const char *path, const char *what) {
    char *rest = read_file(path), *line;
    size_t capacity = 0;
    while ((line = next_line(&rest))) {
        if (!*line) continue;
        if (lines->count == capacity) lines->items = need(realloc(lines->items, (capacity = 2 * capacity + 1024) * sizeof *lines->items));
        lines->items[lines->count++] = line;
        if (strlen(line) > lines->longest) lines->longest = strlen(line);
    }
    if (!lines->count) refuse("%s holds no %s", path, what);
}

static void add_piece(struct template *t, enum piece_kind kind, const char *text, size_t length) {
    if (t->count == MAX_PIECES) refuse("more than %d placeholders in the request", MAX_PIECES / 2 - 1);
    t->pieces[t->count++] = (struct piece){kind, text, length};
}

static void cut_to_pieces(struct template *t, const char *text) {
    static const char *const names[] = {[TOKEN] = "{token}", [KEY] = "{key}", [BUYER] = "{buyer}", [VALUE] = "{value}"};
    const char *from = text;
    for (const char *at = text; (at = strchr(at, '{'));) {
        enum piece_kind kind = TOKEN;
        while (kind <= VALUE && strncmp(at, names[kind], strlen(names[kind]))) kind++;
        if (kind > VALUE) { at++; continue; }
        add_piece(t, TEXT, from, (size_t)(at - from)), add_piece(t, kind, NULL, 0);
        from = at += strlen(names[kind]);
    }
    add_piece(t, TEXT, from, strlen(from));
}

static void check_filled(const char *path, enum piece_kind kind, const struct lines *lines, const char *complaint) {
    for (int i = 0; i < MAX_PIECES; i++) /* pieces unused are TEXT */
        if (!lines->count && (ask.head.pieces[i].kind == kind || ask.body.pieces[i].kind == kind)) refuse("%s uses %s", path, complaint);
}

static void read_request(const char *path) {
    char *rest = read_file(path), *line, *head = need(malloc(2 * strlen(rest) + 128)), *to = head;
    bool has_host = false;
    while ((line = next_line(&rest)) && *line) {
        has_host |= header_is(line, "host:");
        if (!header_is(line, "content-length:")) to += sprintf(to, "%s\r\n", line);
    }
    size_t body = strlen(rest);
    if (body && rest[body - 1] == '\n') rest[--body] = 0; /* the last line break belongs to the file, not to the body */
    *to = 0;
    if (!strstr(head, " HTTP/1.1\r\n")) refuse("%s does not begin with a line such as 'POST /graphql HTTP/1.1'", path);
    if (!has_host) to += sprintf(to, "Host: 127.0.0.1:%d\r\n", ntohs(ask.address.sin_port));
    ask.bodyless = !strncmp(head, "HEAD ", 5);
    bool measured = body || (!ask.bodyless && strncmp(head, "GET ", 4));
    strcpy(to, measured ? "Content-Length: " : "\r\n");
    cut_to_pieces(&ask.head, head), cut_to_pieces(&ask.body, rest);
    if (measured) add_piece(&ask.head, LENGTH, NULL, 0), add_piece(&ask.head, TEXT, "\r\n\r\n", 4);
    check_filled(path, TOKEN, &ask.tokens, "{token}: give --tokens");
    check_filled(path, VALUE, &ask.values, "{value}: give --values");
    outgoing = need(malloc(strlen(head) + body + 64 + 2 * MAX_PIECES * (ask.tokens.longest + ask.values.longest + 128)));
}

static double number(const char *name, const char *text, double least, double most) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= least && value <= most)) refuse("--%s wants a number from %.15g to %.15g, not '%s'", name, least, most, text);
    return value;
}

static void set_host(const char *text) {
    if (!strcmp(text, "localhost")) text = "127.0.0.1";
    if (inet_pton(AF_INET, text, &ask.address.sin_addr) != 1 || ntohl(ask.address.sin_addr.s_addr) >> 24 != 127)
        refuse("--host %s is not an IPv4 loopback address: stampede loads this machine only", text);
}

static void set_run_id(const char *text) {
    if (!*text || strlen(text) > 64 || text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-")])
        refuse("--run-id '%s': letters, digits and '_.:-', 1 to 64", text);
    ask.run_id = text;
}

static const char *fresh_run_id(void) { /* a repeated id would replay the keys of an earlier run */
    static char text[64];
    return sprintf(text, "%jx-%x", (uintmax_t)time(NULL), (unsigned)getpid()), text;
}

static void set_stop(char *text) {
    char *count = strrchr(text, ':');
    if (!count) refuse("--stop-when wants class:count, not '%s'", text);
    *count++ = 0;
    ask.stop_count = (uint64_t)number("stop-when", count, 1, 1e15);
    if ((ask.stop_class = find_class(text, false)) < 0) refuse("--stop-when: no rule gives the class '%s'", text);
}

static const char HELP[] =
    "stampede: a closed-loop HTTP/1.1 load generator for loopback addresses; prints one JSON object.\n\n"
    "  --port N            where to (required)\n"
    "  --request FILE      raw HTTP request (required); {token}, {key}, {buyer} and {value} are filled in each time, in\n"
    "                      head and body; Content-Length is computed; one last line break in the file is not part of the body\n"
    "  --host ADDRESS      127.x.x.x or localhost [127.0.0.1]\n"
    "  --connections N     buyers, a connection each [1]\n"
    "  --duration S        start nothing after S seconds [60]; the hard stop is S plus the timeout\n"
    "  --requests N        new requests in all; ends when all are answered\n"
    "  --per-buyer N       new requests of each buyer; ends when all are answered\n"
    "  --stop-when C:N     start nothing once class C was seen N times\n"
    "  --tokens FILE       bearer tokens, one a line; buyer i takes line i mod n\n"
    "  --rotate-tokens     request i of the whole run takes token i mod n instead; its retries keep it\n"
    "  --values FILE       what {value} stands for, one a line; request i of the whole run takes line i mod n\n"
    "  --rules FILE        lines of class<TAB>status-or-*<TAB>substring-of-body-or-*; the first match wins, else 'other';\n"
    "                      also counted: timeout, connection_failed, malformed\n"
    "  --run-id TEXT       idempotency keys are <run id>-<buyer>-<sequence> [time and pid]\n"
    "  --ramp MS           open the connections over this time [16 each millisecond]\n"
    "  --per-second R      an open loop: request i of the whole run is sent i/R seconds after the start, or as soon as a buyer is free,\n"
    "                      and its latency counts from then; give more buyers than R times the longest answer\n"
    "  --think-ms N        pause between an answer and the next request [0]\n"
    "  --timeout-s S       for a connection to open, and for an answer [10]\n"
    "  --max-attempts N    give a request up after so many attempts [0: never]; 1 means no retries\n"
    "  --honour-retry-after  on 503 and 429 wait Retry-After (1 s if unnamed) times 1.0..2.0, else retry at once\n"
    "  --seed N            of the jitter [1]\n"
    "  --samples FILE      write the bodies of the first 3 answers of each class\n"
    "  --progress          a line to stderr each second\n"
    "Exit status: 0 reported, 1 failed, 2 bad arguments. SIGINT and SIGTERM start nothing more and end the run with a report once\n"
    "all is answered or late; a second one waits for nothing.\n";

static const struct option OPTIONS[] = {
    {"host", 1, 0, 'H'}, {"port", 1, 0, 'p'}, {"connections", 1, 0, 'c'}, {"duration", 1, 0, 'd'}, {"requests", 1, 0, 'n'}, {"per-buyer", 1, 0, 'b'},
    {"stop-when", 1, 0, 'w'}, {"tokens", 1, 0, 't'}, {"rotate-tokens", 0, 0, 'T'}, {"values", 1, 0, 'v'},
    {"request", 1, 0, 'r'}, {"rules", 1, 0, 'R'}, {"run-id", 1, 0, 'i'}, {"ramp", 1, 0, 'm'},
    {"think-ms", 1, 0, 'k'}, {"per-second", 1, 0, 'e'}, {"timeout-s", 1, 0, 'o'}, {"max-attempts", 1, 0, 'a'}, {"honour-retry-after", 0, 0, 'A'}, {"seed", 1, 0, 's'},
    {"samples", 1, 0, 'S'}, {"progress", 0, 0, 'P'}, {"help", 0, 0, 'h'}, {0, 0, 0, 0}};

static void read_options(int argc, char **argv) {
    char *tokens = NULL, *values = NULL, *request = NULL, *rule_file = NULL, *stop = NULL, *samples = NULL;
    set_host("127.0.0.1");
    for (int option, at = 0; (option = getopt_long(argc, argv, "", OPTIONS, &at)) != -1;) {
        const char *name = OPTIONS[at].name;
        switch (option) {
        case 'H': set_host(optarg); break;
        case 'p': ask.address.sin_port = htons((uint16_t)number(name, optarg, 1, 65535)); break;
        case 'c': ask.connections = (int)number(name, optarg, 1, 28000); break; /* the kernel's usual range of local ports */
        case 'd': ask.duration_s = number(name, optarg, 0.001, 86400); break;
        case 'n': ask.requests = (uint64_t)number(name, optarg, 1, 1e15); break;
        case 'b': ask.per_buyer = (uint64_t)number(name, optarg, 1, 1e15); break;
        case 'm': ask.ramp_ms = number(name, optarg, 0, 86400e3); break;
        case 'k': ask.think_ms = number(name, optarg, 0, 86400e3); break;
        case 'e': ask.per_second = number(name, optarg, 0.001, 1e6); break;
        case 'o': ask.timeout_s = number(name, optarg, 0.001, 1000); break;
        case 'a': ask.max_attempts = (uint64_t)number(name, optarg, 0, 1e15); break;
        case 's': ask.random = ((uint64_t)number(name, optarg, 0, 9e15) + 1) * UINT64_C(0x9E3779B97F4A7C15); break;
        case 'i': set_run_id(optarg); break;
        case 'w': stop = optarg; break;
        case 't': tokens = optarg; break;
        case 'T': ask.rotate_tokens = true; break;
        case 'v': values = optarg; break;
        case 'r': request = optarg; break;
        case 'R': rule_file = optarg; break;
        case 'S': samples = optarg; break;
        case 'A': ask.honour_retry_after = true; break;
        case 'P': ask.progress = true; break;
        case 'h': fputs(HELP, stdout); exit(0);
        default: fputs("stampede: see --help\n", stderr); exit(2); /* getopt has said what is wrong */
        }
    }
    if (optind < argc) refuse("unexpected argument '%s'", argv[optind]);
    if (!ask.address.sin_port || !request) refuse("--port and --request are required");
    if (!ask.run_id) set_run_id(fresh_run_id());
    if (rule_file) read_rules(rule_file);
    if (stop) set_stop(stop);
    if (tokens) read_lines(&ask.tokens, tokens, "token");
    if (values) read_lines(&ask.values, values, "value");
    read_request(request);
    if (samples && !(ask.samples = fopen(samples, "wb"))) refuse("cannot write %s: %s", samples, strerror(errno));
}

static void raise_file_limit(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < (rlim_t)ask.connections + 16)
        refuse("%d connections need a higher limit of open files than %ju (ulimit -Hn)", ask.connections, (uintmax_t)files.rlim_cur);
}

static void interrupt(int signal) { (void)signal, interruptions++; }

int main(int argc, char **argv) {
    ask.address.sin_family = AF_INET;
    read_options(argc, argv);
    raise_file_limit();
    signal(SIGINT, interrupt), signal(SIGTERM, interrupt);
    buyers = need(calloc((size_t)ask.connections, sizeof *buyers));
    for (int i = 0; i < ask.connections; i++) buyers[i].fd = -1;
    if ((epoll = epoll_create1(EPOLL_CLOEXEC)) < 0) return perror("stampede: epoll"), 1;
    stampede();
    report();
    if (ask.samples && fclose(ask.samples)) return perror("stampede: samples"), 1;
    return fflush(stdout) ? 1 : 0;
}
