/* address: where a connection may go, asked after a name has been resolved. */
#ifndef C1V_NET_ADDRESS_H
#define C1V_NET_ADDRESS_H

#include <sys/socket.h>

enum address_kind {
	ADDRESS_PUBLIC,   /* anything else, private networks included */
	ADDRESS_LOOPBACK, /* 127.0.0.0/8, ::1 */
	ADDRESS_METADATA  /* link-local, unspecified, multicast, or a cloud's metadata service */
};

/* IPv4 inside IPv6 (mapped, compatible, translated, NAT64, 6to4) is judged as IPv4, but only mapped
 * loopback is loopback; inside the others, and in unknown families, it is ADDRESS_METADATA: nothing is
 * sent there. */
enum address_kind address_kind(const struct sockaddr *a);

#endif
