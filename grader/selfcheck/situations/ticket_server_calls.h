/* ticket_server_calls.h - the functions of ticket_server.h, traced. Who waits for an answer counts as a sender that
 * sleeps, a command as blocking, a query as trying; the server's handle is that of a receiver. */
#pragma once

#define TRACED __attribute__((no_sanitize_thread))

TRACED enum ticket_result ticket_server_start(size_t capacity, struct ticket_server **server,
                                              struct ticket_client **client)
{
    enum ticket_result result = inner_ticket_server_start(capacity, server, client);

    if (result == TICKET_OK) {
        traced_forget(*server);
        traced_forget(*client);
    }
    traced_count(F_ticket_server_start, (int)result,
                 traced_bit(traced_capacity_of(capacity)) |
                     traced_bit(channels_open ? CHANNELS_2 : CHANNELS_1));
    if (result == TICKET_OK) {
        struct traced_channel *channel = traced_new_channel(capacity);
        channel->queued = LONG_MAX; /* whoever waits may be told from who does not */
        traced_add_handle(*server, channel);
        traced_add_handle(*client, channel);
    }
    return result;
}

TRACED void ticket_server_join(struct ticket_server *server)
{
    struct traced_call call = begin_drop(F_ticket_server_join, server);

    inner_ticket_server_join(server);
    end_call(&call, 0, false, false, 0);
}

TRACED struct ticket_client *ticket_client_clone(struct ticket_client *client)
{
    struct traced_call call = begin_call(F_ticket_client_clone, client, false, false);
    struct ticket_client *clone = inner_ticket_client_clone(client);

    end_call(&call, clone ? TICKET_OK : TICKET_NO_MEMORY, false, false, 0);
    if (clone)
        traced_add_handle(clone, call.channel);
    return clone;
}

TRACED void ticket_client_drop(struct ticket_client *client)
{
    struct traced_call call = begin_drop(F_ticket_client_drop, client);

    inner_ticket_client_drop(client);
    end_call(&call, 0, false, false, 0);
}

#define TRACE(name, as, ...)                                                                       \
    {                                                                                              \
        struct traced_call call = begin_call(F_##name, client, false, true);                       \
        enum ticket_result result = inner_##name(client, ##__VA_ARGS__);                           \
                                                                                                   \
        end_call(&call, (int)result, false, true, 0);                                              \
        if (call.handle)                                                                           \
            traced_note_before(&call, (int)result, as);                                            \
        return result;                                                                             \
    }

TRACED enum ticket_result ticket_client_add(struct ticket_client *client, const char *title,
                                            const char *description, uint64_t *id)
    TRACE(ticket_client_add, BEFORE_BLOCKING, title, description, id)

        TRACED enum ticket_result
    ticket_client_set_status(struct ticket_client *client, uint64_t id, enum ticket_status status)
        TRACE(ticket_client_set_status, BEFORE_BLOCKING, id, status)

            TRACED enum ticket_result
    ticket_client_get(struct ticket_client *client, uint64_t id, struct ticket *ticket)
        TRACE(ticket_client_get, BEFORE_TRYING, id, ticket)

            TRACED enum ticket_result
    ticket_client_count(struct ticket_client *client, enum ticket_status status, uint64_t *number)
        TRACE(ticket_client_count, BEFORE_TRYING, status, number)

            TRACED enum ticket_result ticket_client_shutdown(struct ticket_client *client)
                TRACE(ticket_client_shutdown, BEFORE_BLOCKING)
