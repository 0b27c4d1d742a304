#define _GNU_SOURCE /* recvmmsg, sendmmsg, struct in_pktinfo */

#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { APART = 64 }; /* so that not all messages begin in the same lines of the processor's cache */

struct loop {
    struct counters *counters;
    unsigned in_count, left_count, out_count;
    unsigned answers[ANSWER_SOURCES];          /* of this pass */
    double arrived;
    struct loop_left left[LOOP_BATCH];
    struct mmsghdr in[LOOP_BATCH], out[LOOP_BATCH];
    struct iovec in_pieces[LOOP_BATCH], out_pieces[LOOP_BATCH];
    /* aligned as the system wants them */
    union { struct sockaddr_in6 v6; struct sockaddr_in v4; struct sockaddr any; } peers[LOOP_BATCH];
    _Alignas(struct cmsghdr) uint8_t controls[LOOP_BATCH][LOOP_CONTROL];
    enum answered looked[LOOP_BATCH];
    struct asked asked[LOOP_BATCH];
    uint8_t wires[LOOP_BATCH][LOOP_LARGEST + APART], replies[LOOP_BATCH][ANSWER_MAX];
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Make the header of a message that is received ready again: the system writes into it. */
static void renew(struct loop *loop, unsigned number)
{
    loop->in[number].msg_hdr = (struct msghdr){
        .msg_name = &loop->peers[number],
        .msg_namelen = sizeof loop->peers[number],
        .msg_iov = &loop->in_pieces[number],
        .msg_iovlen = 1,
        .msg_control = loop->controls[number],
        .msg_controllen = sizeof loop->controls[number],
    };
}

struct loop *loop_create(struct counters *counters)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    loop->counters = counters;
    for (unsigned i = 0; i < LOOP_BATCH; i++) {
        loop->in_pieces[i] = (struct iovec){loop->wires[i], LOOP_LARGEST};
        renew(loop, i);
    }
    return loop;
}

struct source loop_host(const void *peer)
{
    const struct sockaddr *any = peer;
    if (any->sa_family == AF_INET)
        return (struct source){(const uint8_t *)&((const struct sockaddr_in *)peer)->sin_addr, 4, false};
    if (any->sa_family == AF_INET6)
        return (struct source){(const uint8_t *)&((const struct sockaddr_in6 *)peer)->sin6_addr, 16, false};
    return (struct source){NULL, 0, false};
}

/* Make the control message that came with a query one that makes the answer leave from the address asked (ip(7),
 * ipv6(7)): for IPv4 the local address without an interface, for IPv6 what came. */
static void turn_round(struct msghdr *header)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at != NULL; at = CMSG_NXTHDR(header, at)) {
        if (at->cmsg_level != IPPROTO_IP || at->cmsg_type != IP_PKTINFO ||
            at->cmsg_len < CMSG_LEN(sizeof(struct in_pktinfo)))
            continue;
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(at), sizeof info);
        info.ipi_ifindex = 0;
        info.ipi_addr.s_addr = 0;
        memcpy(CMSG_DATA(at), &info, sizeof info);
    }
}

static void put_answer(struct loop *loop, unsigned number, const struct answer *answer, bool v6)
{
    unsigned place = loop->out_count++;
    loop->out_pieces[place] = (struct iovec){loop->replies[number], answer->size};
    struct msghdr *header = &loop->out[place].msg_hdr;
    *header = loop->in[number].msg_hdr; /* to where it came from */
    header->msg_iov = &loop->out_pieces[place];
    header->msg_flags = 0;
    if (header->msg_controllen == 0)
        header->msg_control = NULL;
    else
        turn_round(header);
    loop->answers[answer->source]++;
    counters_answer(loop->counters, answer, v6);
    const struct query *query = &loop->asked[number].query;
    counters_note(loop->counters, answer, answer->verdict->label, query->key, query->name_size,
                  loop_host(&loop->peers[number]), loop->arrived);
}

/* All are looked up before the first is answered, so that the processor waits for memory once and not for each. */
static void look_all(struct loop *loop, const struct known *known)
{
    for (unsigned i = 0; i < loop->in_count; i++)
        loop->looked[i] = answer_look(known, loop->wires[i], loop->in[i].msg_len, loop_host(&loop->peers[i]),
                                      &loop->asked[i]);
}

static void answer_one(struct loop *loop, unsigned number, const struct known *known, double now)
{
    struct answer given;
    enum answered answered = loop->looked[number];
    if (answered == ANSWER_GIVEN)
        answered = answer_give(known, &loop->asked[number], now, loop->replies[number], &given);
    if (answered == ANSWER_GIVEN) {
        put_answer(loop, number, &given, loop_host(&loop->peers[number]).size == 16);
        return;
    }
    bool unmet = answered == ANSWER_UNMET;
    loop->left[loop->left_count++] =
        (struct loop_left){number, answered, unmet ? given.profile : 0, unmet ? given.set : 0};
}

/* Send the answers of this pass. Where the system takes no more now, the others are lost, as they would be on the way;
 * where one cannot be sent, that one is. */
static void send_all(struct loop *loop, int descriptor)
{
    unsigned first = 0;
    bool refused = false;
    while (first < loop->out_count) {
        int sent = sendmmsg(descriptor, loop->out + first, loop->out_count - first, MSG_DONTWAIT);
        if (sent > 0) {
            first += (unsigned)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            counter_add(&loop->counters->unsent, loop->out_count - first);
            return;
        } else if (errno == ECONNREFUSED && !refused) { /* of an earlier answer: it shows only once */
            refused = true;
        } else if (errno != EINTR) {
            counter_add(&loop->counters->unsent, 1);
            first++;
        }
    }
}

int loop_pass(struct loop *loop, int descriptor, const struct known *known)
{
    for (unsigned i = 0; i < loop->in_count; i++)
        renew(loop, i); /* not at once: what is left was read meanwhile */
    loop->in_count = loop->left_count = loop->out_count = 0;
    memset(loop->answers, 0, sizeof loop->answers);
    int count = recvmmsg(descriptor, loop->in, LOOP_BATCH, MSG_DONTWAIT, NULL);
    if (count <= 0)
        return count < 0 ? -errno : 0;
    loop->in_count = (unsigned)count;
    double now = loop->arrived = now_s();
    look_all(loop, known);
    for (unsigned i = 0; i < loop->in_count; i++)
        answer_one(loop, i, known, now);
    if (loop->out_count) {
        send_all(loop, descriptor);
        double sent = now_s();
        counters_took(loop->counters, loop->answers, sent - now);
        events_publish(loop->counters->events, sent);
    }
    return count;
}

const struct loop_left *loop_left(const struct loop *loop, unsigned *count)
{
    *count = loop->left_count;
    return loop->left;
}

double loop_arrived(const struct loop *loop)
{
    return loop->arrived;
}

struct loop_bytes loop_wire(const struct loop *loop, unsigned number)
{
    return (struct loop_bytes){loop->wires[number], loop->in[number].msg_len};
}

struct loop_bytes loop_peer(const struct loop *loop, unsigned number)
{
    return (struct loop_bytes){(const uint8_t *)&loop->peers[number], loop->in[number].msg_hdr.msg_namelen};
}

struct loop_bytes loop_control(const struct loop *loop, unsigned number)
{
    return (struct loop_bytes){loop->controls[number], loop->in[number].msg_hdr.msg_controllen};
}
