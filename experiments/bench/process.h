/* How much resident memory this process takes. */
#ifndef PE_BENCH_PROCESS_H
#define PE_BENCH_PROCESS_H

/* A member of /proc/self/status in MiB, "VmRSS" or "VmHWM"; 0 where there is no such file. */
double pe_bench_status_mb(const char *member);

void pe_bench_reset_peak(void); /* VmHWM starts anew */

#endif
