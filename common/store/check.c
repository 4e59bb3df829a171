#include "store/store_driver.h"

int
store_check_base(struct slice base, struct slice api_base, struct err *e)
{
	if (base.p == NULL || api_base.p == NULL || slice_equal(base, api_base))
		return 0;
	err_set(e, C1V_DATA, "its vectors were made at %.*s, the collection's at %.*s",
	    (int)(api_base.n < 120 ? api_base.n : 120), api_base.p, (int)(base.n < 120 ? base.n : 120), base.p);
	return err_hint(e, "use another collection, or take api_base out of the records");
}
