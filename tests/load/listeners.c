/* Thousands of listeners of server-sent events that cost next to nothing: they share the cores with what tells them.
 *
 * usage: listeners PORT
 *
 * Each line on stdin, "PATH\tTOKEN\n" (the token may be empty), opens a stream at 127.0.0.1:PORT. What is heard goes to stdout, as records in
 * the machine's own byte order: a double, Unix time in seconds, and two 32-bit numbers:
 *   HEARD  id      a listener has heard the whole event of this id
 *   LOST   count   so many have lost their line so far
 *   TEXT   length  and then as many bytes: the text of the next id, counted from 0, before it is heard first
 * One thread, epoll. An event is from "event: " to an empty line, and lies in one chunk of the answer.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_LINES 65536
#define BUFFER 65536
#define SLOTS 65536
#define MOST_TEXTS (SLOTS / 2)
/* What is heard is told once nothing is heard for so long, or it fills this: who reads it takes no time from those who are still being told. */
#define QUIET_MS 15
#define TOLD_BYTES (1 << 20)

enum { HEARD, LOST, TEXT };

struct record {
  double at;
  uint32_t kind, number;
};

/* rest: what is not a whole event yet. */
struct line {
  size_t length;
  char *rest;
};

struct text {
  uint64_t hash;
  size_t length;
  char *bytes;
  uint32_t id;
};

static struct line lines[MOST_LINES];
static struct text texts[SLOTS];
static uint32_t known, lost;
static int poll_fd, port;

static void tell(double at, uint32_t kind, uint32_t number) {
  struct record record = {at, kind, number};
  fwrite(&record, sizeof record, 1, stdout);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv */
static uint64_t hash_of(const char *bytes, size_t length) {
  uint64_t hash = 14695981039346656037u;
  for (size_t at = 0; at < length; at++) hash = (hash ^ (unsigned char)bytes[at]) * 1099511628211u;
  return hash;
}

/* Its id; a text that is new is told. */
static uint32_t id_of(double at, const char *bytes, size_t length) {
  uint64_t hash = hash_of(bytes, length);
  struct text *slot = &texts[hash % SLOTS];
  while (slot->bytes && (slot->hash != hash || slot->length != length || memcmp(slot->bytes, bytes, length)))
    if (++slot == texts + SLOTS) slot = texts;
  if (slot->bytes) return slot->id;
  uint32_t id = known++;
  tell(at, TEXT, (uint32_t)length);
  fwrite(bytes, 1, length, stdout);
  /* When there are too many, new ones are told each time. */
  if (id < MOST_TEXTS) {
    char *copy = memcpy(malloc(length), bytes, length);
    *slot = (struct text){hash, length, copy, id};
  }
  return id;
}

static void lose(int fd) {
  free(lines[fd].rest);
  lines[fd] = (struct line){0, NULL};
  close(fd);
  tell(now(), LOST, ++lost);
}

static void listen_to(int fd) {
  static char bytes[2 * BUFFER];
  struct line *line = &lines[fd];
  if (line->length) memcpy(bytes, line->rest, line->length);
  ssize_t count = recv(fd, bytes + line->length, BUFFER, 0);
  double at = now();
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    lose(fd);
    return;
  }
  size_t length = line->length + (size_t)count, begin = 0;
  for (;;) {
    char *event = memmem(bytes + begin, length - begin, "event: ", 7);
    char *end = event ? memmem(event, length - (size_t)(event - bytes), "\n\n", 2) : NULL;
    if (!event || !end) break;
    begin = (size_t)(end - bytes) + 2;
    uint32_t id = id_of(at, event, (size_t)(end + 2 - event));
    tell(at, HEARD, id);
  }
  length -= begin;
  if (length > BUFFER) {
    lose(fd);
    return;
  }
  char *rest = realloc(line->rest, length ? length : 1);
  memcpy(rest, bytes + begin, length);
  *line = (struct line){length, rest};
}

/* wish: PATH\tTOKEN */
static void open_stream(char *wish) {
  char request[4096];
  char *token = strchr(wish, '\t');
  struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (token == NULL || fd < 0 || fd >= MOST_LINES) exit(2);
  *token++ = 0;
  int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: bench\r\n%s%s%s\r\n", wish, *token ? "Authorization: Bearer " : "",
                        token, *token ? "\r\n" : "");
  if (length >= (int)sizeof request) exit(2);
  if (connect(fd, (struct sockaddr *)&place, sizeof place) || send(fd, request, (size_t)length, MSG_NOSIGNAL) != length) {
    lose(fd);
    return;
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* Whether there may be more. */
static int take_wishes(void) {
  static char wishes[BUFFER + 1];
  static size_t length;
  ssize_t count = read(STDIN_FILENO, wishes + length, BUFFER - length);
  if (count <= 0) return 0;
  length += (size_t)count;
  wishes[length] = 0;
  char *begin = wishes;
  for (char *end; (end = strchr(begin, '\n')); begin = end + 1) {
    *end = 0;
    open_stream(begin);
  }
  length -= (size_t)(begin - wishes);
  memmove(wishes, begin, length);
  return 1;
}

int main(int count, char **arguments) {
  struct epoll_event events[512], event = {.events = EPOLLIN, .data.fd = STDIN_FILENO};
  if (count != 2) {
    fprintf(stderr, "usage: listeners PORT\n");
    return 2;
  }
  port = atoi(arguments[1]);
  setvbuf(stdout, NULL, _IOFBF, TOLD_BYTES);
  poll_fd = epoll_create1(0);
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event);
  for (;;) {
    int ready = epoll_wait(poll_fd, events, 512, QUIET_MS);
    if (ready == 0) {
      fflush(stdout);
      ready = epoll_wait(poll_fd, events, 512, -1);
    }
    for (int at = 0; at < ready; at++) {
      if (events[at].data.fd != STDIN_FILENO)
        listen_to(events[at].data.fd);
      else if (!take_wishes())
        return 0;
    }
  }
}
