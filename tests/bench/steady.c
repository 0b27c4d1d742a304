/* Asks at a steady rate and notes how long each answer takes: an open loop, so a late answer holds up no question.
 *
 * usage: steady PORT RATE SECONDS FILE: to 127.0.0.1, so many queries a second from FILE (each behind its length in two
 * bytes), in turn, over SOCKETS sockets. A wait is from the clock before a query is sent to the stamp of the kernel on
 * its answer, so it does not matter when we come to read that. Prints a line: sent, lost (no answer in DRAIN_S), the rate
 * that was reached, and percentiles of the wait in microseconds: 50, 90, 99, 99.9, the longest. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

enum { SOCKETS = 8, BATCH = 64, QUERIES = 65536, IDS = 65536, ROOM = 2048, DRAIN_S = 3, IDLE_NS = 50000 };

static int sockets[SOCKETS];
static double sent_at[SOCKETS][IDS]; /* by ID; 0: nothing is waited for */
static uint8_t data[1 << 23], *queries[QUERIES];
static uint16_t sizes[QUERIES];
static size_t query_count;
static float *waits;
static size_t wait_count, lost;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now); /* that of the stamps */
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void read_queries(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t size = file == NULL ? 0 : fread(data, 1, sizeof data, file);
    for (size_t at = 0; at + 2 <= size && query_count < QUERIES; query_count++) {
        sizes[query_count] = (uint16_t)(data[at] << 8 | data[at + 1]);
        queries[query_count] = data + at + 2;
        at += 2u + sizes[query_count];
    }
    if (file != NULL)
        fclose(file);
}

static void open_sockets(int port)
{
    int yes = 1, room = 8 << 20;
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < SOCKETS; i++) {
        sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        setsockopt(sockets[i], SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes);
        if (setsockopt(sockets[i], SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
            setsockopt(sockets[i], SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
        if (connect(sockets[i], (struct sockaddr *)&server, sizeof server) < 0)
            exit(1);
    }
}

/* Send `count` queries, from the one of number `first` on: each socket gets every SOCKETS-th. */
static void send_some(uint64_t first, uint64_t count)
{
    for (uint64_t number = first; number < first + count; number++) {
        int of = (int)(number % SOCKETS);
        uint16_t id = (uint16_t)(number / SOCKETS);
        uint8_t *query = queries[number % query_count];
        query[0] = (uint8_t)(id >> 8);
        query[1] = (uint8_t)id;
        lost += sent_at[of][id] != 0;
        sent_at[of][id] = now_s();
        if (send(sockets[of], query, sizes[number % query_count], 0) < 0) {
            sent_at[of][id] = 0;
            lost++;
        }
    }
}

static double stamp_of(struct msghdr *header)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at != NULL; at = CMSG_NXTHDR(header, at))
        if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(at), sizeof stamp);
            return (double)stamp.tv_sec + (double)stamp.tv_nsec * 1e-9;
        }
    return now_s();
}

static void take(int of)
{
    static uint8_t answers[BATCH][ROOM];
    static _Alignas(struct cmsghdr) uint8_t controls[BATCH][64];
    static struct mmsghdr messages[BATCH];
    static struct iovec pieces[BATCH];
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            pieces[i] = (struct iovec){answers[i], ROOM};
            messages[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1, .msg_control = controls[i],
                                                  .msg_controllen = sizeof controls[i]};
        }
        int count = recvmmsg(sockets[of], messages, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < count; i++) {
            uint16_t id = (uint16_t)(answers[i][0] << 8 | answers[i][1]);
            if (sent_at[of][id] != 0)
                waits[wait_count++] = (float)((stamp_of(&messages[i].msg_hdr) - sent_at[of][id]) * 1e6);
            sent_at[of][id] = 0;
        }
        if (count < BATCH)
            return;
    }
}

static void take_all(void)
{
    for (int i = 0; i < SOCKETS; i++)
        take(i);
}

static int compare(const void *one, const void *other)
{
    float first = *(const float *)one, second = *(const float *)other;
    return (first > second) - (first < second);
}

int main(int count, char **given)
{
    if (count != 5) {
        fprintf(stderr, "usage: steady PORT RATE SECONDS FILE\n");
        return 2;
    }
    double rate = atof(given[2]), seconds = atof(given[3]);
    uint64_t all = (uint64_t)(rate * seconds), sent = 0;
    read_queries(given[4]);
    open_sockets(atoi(given[1]));
    waits = malloc((all + 1) * sizeof *waits);
    if (query_count == 0 || waits == NULL)
        return 1;
    prctl(PR_SET_TIMERSLACK, 1000UL);
    double begun = now_s(), ended = begun;
    while (sent < all) {
        uint64_t due = (uint64_t)((now_s() - begun) * rate);
        uint64_t more = (due < all ? due : all) - sent;
        more = more < BATCH ? more : BATCH; /* in between we read, and so notice what comes meanwhile */
        send_some(sent, more);
        sent += more;
        ended = now_s();
        take_all();
        if (more < BATCH)
            nanosleep(&(struct timespec){0, IDLE_NS}, NULL);
    }
    while (wait_count + lost < sent && now_s() < ended + DRAIN_S) {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        take_all();
    }
    qsort(waits, wait_count, sizeof *waits, compare);
    printf("%llu %llu %.0f", (unsigned long long)sent, (unsigned long long)(sent - wait_count),
           (double)sent / (ended - begun));
    const double parts[] = {0.5, 0.9, 0.99, 0.999, 1};
    for (int i = 0; i < 5; i++)
        printf(" %.0f", wait_count == 0 ? -1.0 : (double)waits[(size_t)((double)(wait_count - 1) * parts[i])]);
    printf("\n");
    return 0;
}
