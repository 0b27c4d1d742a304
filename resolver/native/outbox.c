#define _GNU_SOURCE /* sendmmsg, struct in_pktinfo */

#include "outbox.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

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

void outbox_put(struct outbox *box, uint8_t *bytes, size_t size, const struct msghdr *came)
{
    unsigned place = box->count++;
    box->pieces[place] = (struct iovec){bytes, size};
    struct msghdr *header = &box->messages[place].msg_hdr;
    *header = *came;
    header->msg_iov = &box->pieces[place];
    header->msg_iovlen = 1;
    header->msg_flags = 0;
    if (header->msg_controllen == 0)
        header->msg_control = NULL;
    else
        turn_round(header);
}

void outbox_send(struct outbox *box, int descriptor, struct counters *counters)
{
    unsigned first = 0;
    bool refused = false;
    while (first < box->count) {
        int sent = sendmmsg(descriptor, box->messages + first, box->count - first, MSG_DONTWAIT);
        if (sent > 0) {
            first += (unsigned)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            counter_add(&counters->unsent, box->count - first);
            break;
        } else if (errno == ECONNREFUSED && !refused) { /* of an earlier answer: it shows only once */
            refused = true;
        } else if (errno != EINTR) {
            counter_add(&counters->unsent, 1);
            first++;
        }
    }
    box->count = 0;
}
