/* Visits a web server at a steady rate, each time with a connection and a request of its own, as browsers come.
 *
 * usage: visit PORT RATE SECONDS FILE: to 127.0.0.1, with the request in FILE. Prints a line: how many visits, how many
 * got the page (403), how many were told to come later (429).
 * usage: visit PORT: be a web server that tells everybody to come later, at the least cost there is. What the same
 * visits cost others while they go here is not the cost of the page. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { VISITORS = 16, ROOM = 65536, PATIENCE_S = 5, WAITING = 256 };

static const char later[] = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
static struct sockaddr_in server;
static char request[ROOM];
static size_t request_size;
static double rate, begin_s, end_s;
static atomic_long visits, pages, refusals;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void sleep_until(double when_s)
{
    struct timespec when = {.tv_sec = (time_t)when_s};
    when.tv_nsec = (long)((when_s - (double)when.tv_sec) * 1e9);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
}

static void visit_once(void)
{
    char reply[ROOM];
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int sock = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    visits++;
    if (connect(sock, (struct sockaddr *)&server, sizeof server) == 0 &&
        send(sock, request, request_size, MSG_NOSIGNAL) == (ssize_t)request_size) {
        ssize_t size = recv(sock, reply, sizeof reply, 0);
        pages += size > 12 && memcmp(reply + 9, "403", 3) == 0;
        refusals += size > 12 && memcmp(reply + 9, "429", 3) == 0;
    }
    close(sock);
}

static void *visit(void *number)
{
    for (double at = begin_s + (double)(size_t)number / rate; at < end_s; at += VISITORS / rate) {
        sleep_until(at);
        visit_once();
    }
    return NULL;
}

static int refuse_all(void)
{
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&server, sizeof server) < 0 || listen(listener, WAITING) < 0)
        return 1;
    for (;;) {
        int sock = accept(listener, NULL, NULL);
        send(sock, later, sizeof later - 1, MSG_NOSIGNAL);
        close(sock);
    }
}

int main(int count, char **words)
{
    prctl(PR_SET_PDEATHSIG, 9);
    setpriority(PRIO_PROCESS, 0, 19); /* it stands for other machines, which take no time of ours */
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    server.sin_port = htons((uint16_t)atoi(count > 1 ? words[1] : "0"));
    if (count == 2)
        return refuse_all();
    FILE *file = count == 5 ? fopen(words[4], "rb") : NULL;
    if (file == NULL)
        return 2;
    request_size = fread(request, 1, sizeof request, file);
    rate = atof(words[2]);
    begin_s = now_s();
    end_s = begin_s + atof(words[3]);
    pthread_t visitors[VISITORS];
    for (size_t i = 0; i < VISITORS; i++)
        pthread_create(&visitors[i], NULL, visit, (void *)i);
    for (size_t i = 0; i < VISITORS; i++)
        pthread_join(visitors[i], NULL);
    printf("%ld %ld %ld\n", visits, pages, refusals);
    return 0;
}
