import matplotlib.pyplot as plt

fig, ax = plt.subplots()
ax.plot(valeus)
