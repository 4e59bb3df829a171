/* redis_driver: what a way to a Redis server offers to redis.c. Private to it and the modules. */
#ifndef C1V_NET_REDIS_DRIVER_H
#define C1V_NET_REDIS_DRIVER_H

#include "net/redis.h"

/* As the functions of redis.h. open fills all members of struct redis but `driver`. */
struct redis_driver {
	int (*open)(const struct redis_options *o, struct redis **out, struct err *e);
	int (*run)(struct redis *r, const struct redis_command *commands, size_t n,
	    struct redis_reply *replies, struct err *e);
	size_t (*nodes)(struct redis *r, struct err *e);
	void (*close)(struct redis *r);
};

/* The first member of each driver's own struct. */
struct redis {
	const struct redis_driver *driver;
	char *name;  /* freed by redis_close(), after the driver's close */
	int cluster;
};

#endif
