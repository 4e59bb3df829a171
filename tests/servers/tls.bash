# tls: certificates of a private authority, for servers on loopback.
#
#     tls_make DIR             DIR/ca.pem, another authority's DIR/stranger.pem, and of localhost
#                              DIR/right.{pem,key}, of another host DIR/wrong.…, of the past DIR/expired.…

tls_authority() { # tls_authority DIR NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
	    -subj "/CN=$2" -keyout "$1/$2.key" -out "$1/$2.pem" 2>/dev/null
}

tls_certificate() { # tls_certificate DIR NAME HOST DAYS
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$3" \
	    -keyout "$1/$2.key" -out "$1/$2.csr" 2>/dev/null &&
	    openssl x509 -req -in "$1/$2.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -days "$4" \
	        -extfile <(echo "subjectAltName=DNS:$3") -out "$1/$2.pem" 2>/dev/null &&
	    chmod 600 "$1/$2.key"
}

tls_make() {
	mkdir -p "$1" && tls_authority "$1" ca && tls_authority "$1" stranger &&
	    tls_certificate "$1" right localhost 30 && tls_certificate "$1" wrong other.example 30 &&
	    tls_certificate "$1" expired localhost 0
}
