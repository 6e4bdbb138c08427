# Bochs 3.0 takes the address of a posted interrupt descriptor for valid only if it is that of
# a page.  To the CPU, it must be a multiple of 64.
s/^\tstruct pi_desc pi_desc;$/\tstruct pi_desc pi_desc __aligned(PAGE_SIZE);/
