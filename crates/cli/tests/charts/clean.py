import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6.4, 4.8))
ax.plot([1, 2, 3, 4], [1, 2, 4, 8], label="growth")
ax.set_title("Growth")
ax.set_xlabel("day")
ax.set_ylabel("count")
ax.legend(loc="upper left")
plt.savefig("chart.png")
