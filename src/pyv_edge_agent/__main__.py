"""`python -m pyv_edge_agent`, the documentation's other form."""

from pyv_edge_agent.launch import main

if __name__ == "__main__":
    main()
