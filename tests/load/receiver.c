/* A receiver of webhooks that costs next to nothing: answers 204 to every POST, and to GET how many there were.
 *
 * usage: receiver PORT    (0: any; the port is the first line on stdout)
 *
 * One thread, epoll, keep-alive. A request is its head up to the empty line and as many bytes as Content-Length says.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_LINES 4096
#define BUFFER 16384

struct line {
  size_t filled;
  char bytes[BUFFER + 1];
};

static struct line *lines[MOST_LINES];
static unsigned long posts;

static void end(int fd) {
  free(lines[fd]);
  lines[fd] = NULL;
  close(fd);
}

static int say(int fd, const char *text, size_t length) { return send(fd, text, length, MSG_NOSIGNAL) == (ssize_t)length; }

static int answer(int fd, int is_post) {
  static const char none[] = "HTTP/1.1 204 No Content\r\n\r\n";
  char told[128], count[32];
  if (is_post) {
    posts++;
    return say(fd, none, sizeof none - 1);
  }
  int digits = snprintf(count, sizeof count, "%lu", posts);
  int length = snprintf(told, sizeof told, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", digits, count);
  return say(fd, told, (size_t)length);
}

/* Answers what is whole; what is not stays. 0 where the line is no good. */
static int handle(int fd, struct line *line) {
  for (;;) {
    line->bytes[line->filled] = 0;
    char *head_end = strstr(line->bytes, "\r\n\r\n");
    if (head_end == NULL) return line->filled < BUFFER;
    *head_end = 0;
    char *length = strcasestr(line->bytes, "\r\ncontent-length:");
    size_t whole = (size_t)(head_end - line->bytes) + 4 + (length ? strtoul(length + 17, NULL, 10) : 0);
    *head_end = '\r';
    if (whole > BUFFER) return 0;
    if (line->filled < whole) return 1;
    if (!answer(fd, strncmp(line->bytes, "POST", 4) == 0)) return 0;
    memmove(line->bytes, line->bytes + whole, line->filled - whole);
    line->filled -= whole;
  }
}

static void hear(int fd) {
  struct line *line = lines[fd];
  ssize_t got = recv(fd, line->bytes + line->filled, BUFFER - line->filled, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    end(fd);
    return;
  }
  line->filled += (size_t)got;
  if (!handle(fd, line)) end(fd);
}

static void greet(int poll, int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), yes = 1;
  if (fd < 0) return;
  if (fd >= MOST_LINES || (lines[fd] = calloc(1, sizeof(struct line))) == NULL) {
    close(fd);
    return;
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(poll, EPOLL_CTL_ADD, fd, &wanted);
}

int main(int count, char **arguments) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (count != 2) {
    fprintf(stderr, "usage: receiver PORT\n");
    return 2;
  }
  address.sin_port = htons((unsigned short)atoi(arguments[1]));
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024) ||
      getsockname(listener, (struct sockaddr *)&address, &size)) {
    perror("receiver");
    return 1;
  }
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  int poll = epoll_create1(0);
  struct epoll_event wanted = {.events = EPOLLIN, .data.fd = listener}, happened[256];
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &wanted);
  for (;;) {
    int events = epoll_wait(poll, happened, 256, -1);
    for (int i = 0; i < events; i++) {
      if (happened[i].data.fd == listener)
        greet(poll, listener);
      else
        hear(happened[i].data.fd);
    }
  }
}
