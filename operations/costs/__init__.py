"""What a month on AWS costs, from the settings, their prices and what is assumed of the traffic: an estimate."""
