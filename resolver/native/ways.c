#include "ways.h"

#include <stdlib.h>
#include <string.h>

struct ways *ways_create(struct routes *routes)
{
    struct ways *ways = calloc(1, sizeof *ways);
    if (ways != NULL)
        ways->routes = routes;
    return ways;
}

void ways_destroy(struct ways *ways)
{
    free(ways->routes);
    free(ways);
}

bool ways_set_server(struct ways *ways, unsigned number, uint64_t serial, const struct sockaddr *address,
                     socklen_t size)
{
    if (number >= WAYS_SERVERS || serial == 0 || size > sizeof ways->servers->address)
        return false;
    struct ways_server *server = &ways->servers[number];
    server->serial = serial;
    server->address_size = size;
    memcpy(&server->address, address, size);
    return true;
}

bool ways_make_aim(const struct ways *ways, unsigned server, double patience, uint64_t *aim)
{
    if (server == WAYS_PYTHON) {
        *aim = (uint64_t)server << 48;
        return true;
    }
    if (server >= WAYS_SERVERS || ways->servers[server].serial == 0 || !(patience > 0 && patience <= WAYS_LONGEST_S))
        return false;
    *aim = (uint64_t)server << 48 | (uint64_t)(patience * 1e6);
    return true;
}

void ways_aim(struct ways_group *group, const uint64_t *aims, unsigned count)
{
    for (unsigned i = 0; i < count; i++) /* a thread may see some of the new ones and some of the old: all are good */
        atomic_store_explicit(&group->aims[i], aims[i], memory_order_relaxed);
    atomic_store_explicit(&group->aim_count, count, memory_order_release); /* with it those below it are seen */
}
