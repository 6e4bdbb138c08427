# Draw the two plots about cost in exit-stats-cost.rst.  The variable "dir" names the directory
# that has the data, which report.awk wrote, and gets the plots.
set terminal svg size 800,420 noenhanced background "white" font "sans,12"
set grid ytics linecolor "#dddddd"
set border 3
set tics nomirror
set style fill solid

set output dir."/exit-stats-cost.svg"
set title "Instructions added to a CPUID exit"
set logscale y
set yrange [0.8:10000]
set style data histograms
set style histogram clustered gap 1
set xtics rotate by -30
set key top left reverse Left
plot dir."/exits.dat" using 2:xtic(1) title "VMX" linecolor "#1f77b4", \
     "" using 3 title "SVM" linecolor "#ff7f0e"

set output dir."/exit-stats-scaling.svg"
set title "CPU time to record one exit, on the CPU at hand"
unset logscale
set style data linespoints
set xtics norotate (1, 2, 4)
set xrange [0.8:4.2]
set yrange [0:*]
set xlabel "threads"
set ylabel "ns"
set key outside right
stats dir."/silicon.dat" skip 1 nooutput
plot for [i = 2:STATS_columns] dir."/silicon.dat" using 1:i title columnheader(i) \
     linewidth 2 pointtype 7
