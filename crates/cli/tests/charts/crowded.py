import matplotlib.pyplot as plt

months = ["January", "February", "March", "April", "May", "June", "July", "August", "September"]
values = [3, 5, 4, 7, 8, 9, 12, 14, 15]
fig, ax = plt.subplots(figsize=(4.8, 3.6))
ax.plot(range(9), values, label="observed")
ax.legend(loc="upper right")
ax.set_xticks(range(9))
ax.set_xticklabels(months)
plt.savefig("chart.png")
