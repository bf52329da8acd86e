"""Files that another program signed: `dcmsign` of DCMTK 3.7, from synthetic images.

Each is the zlib-compressed file as base64. The image is `samples.picture(1, (8, 10))`
with a nested sequence; the certificate vouches for itself.
"""

from __future__ import annotations

import base64
import zlib

__all__ = ["SIGNED_BY_DCMSIGN", "file_of"]


def file_of(name: str) -> bytes:
    """The signed file of this name."""
    return zlib.decompress(base64.b64decode(SIGNED_BY_DCMSIGN[name]))


SIGNED_BY_DCMSIGN = {
    "explicit SHA256": (
        "eNrFVHtQE0cc3r2EGIFIFKWIEaNMlWe4u5CECCghGEDBRAKIjxofxBlhJqAoOD5AUGFQwScUFawo"
        "WqsFQWGA0qog4hPER6dKUayTQaxFRmVkpMmlu9Fa69Rp/+vN7O3j991vv9/37R4A/+8TGqGMIlAf"
        "G8kGlagnAATqENyjBxKoj41wAZSIFvn7kSKKJEl/kUREifxQQ6sozkII17cIWipCGJFY6k+SfmKR"
        "v8hP7o9xCMVHqNEf5cEzHBuFYgJrjJbhDDJaTJIUKRKLcJOJSIRxBNpwPlCrVBFaXagyKmaWTiwj"
        "hVzg9C/8uMD5P/DjgsVAqSWAMoYPhCBSTQANNQokAO0cAIKREIwFPCJRzwVsGKnmAIM+dbU+IRik"
        "lGGE0zvECCsCQG04B1CUGJHBq1hIZ6ABoVo2oEWkUAh4f3H+J0aIwYj3inyCM8I4ggjEmEL5aJSb"
        "D3yQYuRCHxq/Ses+MrTujLJY5+/bu7nQHXurxX67Azaq3h5EqWerleHR6qgZNIryrVEuio60jmzR"
        "iEQZuQA5hDL4IwyAOMJHEfh+RFhHDmjEgn/mj+aHajnAh/az7qvlYy0QDyGjhlaND79TsBiLxbax"
        "7odHnz41gD0GceagU6GgJVLAFgJFzEKAzwN2HPuJncQeYu2x5lhVrBrWC2uD68eVu1tZj7RWhyvC"
        "teAqMH/MHPN9lMkHuKnnvuWaa/rC7MRUMPWWlWActCFaiR2sjaZY82tzB1NgWQN84DNYTmxAa4Fm"
        "MfOKmWXxApPhE9hMbGN9b3IzQ2aUpcqSDgSwGTYRuax4E2m2ZeqZA5bl6FsjbCMOsXJM3uZJzCWm"
        "zqIEYfAVLCLWsTJMUeZ+81nmiCUWiKEtsY3YzipDewyYnzHllgwwEV6G9UQaa8gyZMG6hrPf6hrM"
        "/ruuyLcI/3+8cfjm+ItpsZhGStMSGbpHMrlEQvlJKCkCy6Q01t4Ghsa4AJqkpRRF+yFfKMnbqFju"
        "hUwikXNQqR0B4iWkXEfJ5WKdNiJMiDyD+N9yHJEgs4kyMhvmHWYRkCDgMJLHGe6ZE54zyIPQzgaQ"
        "o6lRJJ/DimWz7Idrly0xGPSrhDLS9TMeLUVE8UlAz3w0lX0w/cRX2XDSh+mhDWBlQwdEASmYDSEo"
        "6u0ZN+i7Ld/cvEUZGcydX811XWG6Fnlwt1fZ87Xr48oNA0/TnBcPHSvVVhCV3BQjz9Fmh92caQNV"
        "toKB1RdXt33Z0VJNsvWBhtLqV0P3b9ktuUnmW1ROGZlBq+6Fb52WuaZx+4KeYPaaPSn3EspEg6wX"
        "vetCQgu6e326llXB/aqfN+7yCUxTLKk5Iz8cZ7Q7OG9L1zrFgML3QOG69hMuqup51a2zvZm6MVRd"
        "/AZBjKbSSdgneVjADcppOXKlz3ELybk0y96lemvlY6XX4LXSyQ3u9x80c3gNa7trswN2TTCdzNX1"
        "xL4eep63+8eKz93t9r5KUYy35z/Z3DA7qSu9X7Y4yodgQQA/MoCFhRmdaRSX3Ux90BU44tcrcRl3"
        "PJ2YBO8D+bym5arYrLK5bmuaQ86uF+rdt+3JcF11Li3R4djG2hXBG7TGy6l3VYXGBSVNb4KUHomq"
        "xKJv5h04HySg31TY1jhIs3+XC8uTjuQXpd9tv6gIizs/d8fOtKX5VTO9uwoKfTnRW42dAp2h7Zi+"
        "ftrVkY/tbY7erPlhmIZ/WlWhJ5MdBvcaxn4l3nnj1FGLJro2peZSFtzXZXDSdzSOvfG4ha58mS3d"
        "uD959y8Vh6IDrnRXX4i6lXyip9a4OKZva4jv+FmzXY1vgr911kzlggz+SkUb/wK/vebU+M2C1Od5"
        "TY6bDfaDXo+aVy2q6728+Tt00oXWE4t+YiDy9swzHicCNG7JIeOGOs/dGfuT29Lya4NPDy46ROQe"
        "n36lfZM5iLevNSAg9X5E80Xfgt9s687pNk07pen0ZAStPQ/oZp1bY5ZmDtm2JK+BDOR2L5p49Xr6"
        "pU3yeM/i6+qBuNTUg4ljbbMKS4JOFopK1z4pjvLtSAzsy+Sf3p+mc2kbXuJx13Aulsq4MWnnw4L2"
        "4PmV3kMFp8P6n4mLpCtuD3db2P16au9Vjxu7kqrPbl/WUMJ1+boxa7pakzdjyqZ8ganq2WPz+JfJ"
        "ARsC01t7vT2mvBDEvamtaAk4tZ2rsA3pf6KfcCee23bc5kUE87AjMzqpsLh4GWdpj3d6Aq//YV9n"
        "WMbNPwBWkYzO"
    ),
    "implicit SHA512": (
        "eNrFVH1Uk1UYv/fdwMnn+HACDpqaScJe3g/GRqGB0wkqsBjD74AEPdE5k0DAUOE4BI8kJJgYfiPQ"
        "oQx0iQKpKfhZR4FKT1ogZjtEEVpJIri9694XNbPs395z7p7n3ue5z/09v9+9A+D//WZFqaMJZPXz"
        "heBjZAkAQexMbNEHCWT1UT6AJhlSFUyRNEVRKlJB0mQwGmgVxQUow280gwkhUQ7JhqgoKpglVWRw"
        "qArnoSwxynJ/qs7ofncUkfIRRon3KxmWomiKZEk8lCSFcjyALlIMYjWaKF3iLHV0/LxEVknJREAC"
        "fBDMZ6MTAS/g9yjjmehEIInvVx0vBjLe09LuIAWEIY+zgZuByIqAENoja0jNXJ2aEg7SqyQPoy58"
        "FPBRmmYRCLyK6fMCWiBEliEpmQw4/4X135Cgk12A9L+xohwPHh+N6jGIUwDkiClqqZzBvxR/jhKd"
        "i6vw88fj4VzmDwi+AgT+CJsT8qJjY2LVkXGx0bMZFBXzURGKuvGeA/Io3B9AyqAKKpSD7wVAmf4A"
        "PvYI3nNFngA+qh8nxpzImWD+XJ1YOIpLxsVCsP8he+9jooR2o/cNeWLg+Q9F8YxGsXEA19NFRiho"
        "BghlYCmPVMKrjDXE6mHdMO+Yb8woZgxzhXnBveOu/XnEbnxnuBvcB+4AY8eoMdab+WKAB8a5ybLM"
        "KuHquWbbW2ACtCPOE1sE6y166z1rJ1dqywJy2A9riHVoLczKcne5ebYA8AL8EbYRxYITlslWyLnb"
        "DttygBS2wVZik2ChhbI6cM3cTtsKtNcMLxN7BUWWQOsk7hzXZFODOfAurCByBXmWaOsd6xHugE0P"
        "WOhAFBPvCKrQGYPWfq7GlgcmwguwmcgWjNhGbOHCUT5Vwr/zCaDqIZ9Pvy78SlQsw7IMYphRqNCK"
        "MlShoIMVdAgZrGIxyagSxLeWoZgQmmaCkR60YjTKsgFIHAopBvELWKigQhPp0FA2URc1R4a0gh8g"
        "CJSRqKKMcPN+AbofBBxDOduPnVYUWTTkDKGjHaA8aXdKbC/QCwVOY3XLkw2G1AyZkvIb78yEIJBY"
        "ffQtRlPlE9Nn7DLCSU+Wh3ZAYISuCAJizgghqOjrnTAUVFxibduonh8uWmwS+b1h+WL+rrKAqttr"
        "1ibUGAZ/yvZKGqndo6snGkTpZmcPuy2Or84YPOwgHVx9ZvXlHZ1nTZQwNcywx3R35PqXjskdVIlN"
        "I8nLn55xLbJwRn7W8XeW9IYLs8rTr6VUkUOC3/pyZ84q7emTdy0/DCs1363fKg/Ljkhu/CR0f4LZ"
        "cdeijV25EYMRQTu357bX+WhMi0znYwK5pnF008J10nhtg0Q2oLhRKppedPbAxQGPjZT9uXlOPqbC"
        "hlvqgKEv9rzQ4n+9u83euWVNz1Hjy1ufs3y0KbFXf2/k9uayq/VT/B233U2P8HUS/1jQEvNmV84d"
        "ZVK0nBBAAJ8SQICJ8cw3s1Udmd1dYS4/X0zI+3qahEsJ3Fni3LpCo99QtWByVtvMI2tlqf7F5Xl+"
        "GZ9lp7nWrj/6Rvg6nflC5hXNdvOS3a3D09UvpmnSKj5ctPPUdCkzXO/Q6BpifBAqq3nzQElFzpX2"
        "MxFzEk4t2PJu9uslh+cGdpVuD7KPKzR/K000XK5NbZ7xudstJ7vqjsaTY7TiQ5r6VGqV69A2g/c+"
        "9t1LB6tt2rij6Y3nNsD3ugyS1M7j3pdunWUafjeGrK9cVfZ9/d64ly/2mE5Hf7mqrveoOSl+oHBm"
        "kO+8GD/zcPjHXtqXRCBP/FbEZfFpcXvjQd8Caebtza0eBQanoYCbbRmvNfVdKPgU3XIZogb9U3XH"
        "SAYCRqb+cehEzY3YZV5nc2Yf8lx+yZtqf/VXoWVcf0fEh5dSxg8ZS+83zudacqL3Tj3Z3ilx+UlM"
        "vl2RwOrihcd2z6juu2NoyMi6UjlW7vnA36nutCx5HKktjXQ15Z3sbkr5dsO1GG1+1cD4O8/d475f"
        "ELRtOG1YH/Kd3cHxI7WOV0tLe37+wZo+deUOs8/pF/UP6tIUZG23xzdBC9bUL53YnVjXOa08oH+t"
        "vPqXlAljL5h/P9K7UtvaTyevvHFI6lpdLnErn9ua6Rrq9NUaUfHiKYPlG04UNM3yafGOL+lSZyaZ"
        "ymxxV9Mqmo+lL6V9Hc688nXmvsrwonaXoQ8ynncr++r+/T8BOPR05w=="
    ),
    "explicit RIPEMD160": (
        "eNrFVHtUFFUcvndmWVceMoogIuKWaZvAMDP7TqFdl1YIlsUd8JEakOAxqxURUUlAl4eBQmFJSYiC"
        "6NEKAsV89ARRySP4rHzgI8+GWKklHAnaR/euZuXJU/91z7lzH79vfvf7fd+dAeD/bZHROgOBxsRY"
        "AWhAIwEgME7FI2qQQGNidABgaY5WyRiaZRhGRctplpahjnZRnESIoHsITkEjDC1VqBhGJqVVtEyt"
        "wjiEohBq5EN58ArHRqBYoCvGKXEGJSdlGJahpTTuSppBGB/AR1HAqNdH80mROkNCTJJUyYhFwO9f"
        "+ImA/3/gJwLJQMcTQJdAATGINRIgnh0BUgE/HQANEsLhBFcZNIqAAMYahcCctjQzLVUD0mswwu8+"
        "YpgLASAfJQQsK0Vk8C4W0h/Eg0heADiaEYuB15+c/4kRYjDsgSKP4IwwPiAaMWZRPg7lpkAoUoyZ"
        "G8rhJ+M6R4n2/VEW1/pBv78WS7C3PPZbAgSoek9gMMYZdVEmo+FZDkUpV1SEosNdM3c0Y1BGEUAO"
        "oQwqhAEQRygUgQ9mhGvmjWYk/CO/iYrkhSCUk7nO5SmsBeIhdhihS+O6+wpWYbEEbq7z8OzRtwYI"
        "fBFnd2CKjn/WEMkqGDEQiIE2YS7AdwK7jj3FbmIfsf5Yd6wsVg5rhvXBGuDqJS7mw10V4qpwPbgS"
        "XANmjzlfzaMA7saZAGxF5Nba5tn9HPWO/c4lYAx0I44Q68kcW6L9rv2ko8y5DITCH2EdsQrtTbFL"
        "Hb2OGGcwmAivw1aihPzUNt4OHSOcjc7lIBC2whZiLTnLxtjdHfsdlc4F6F0r7CCqySJbiP1xx2HH"
        "PqcOTIO9sILIJnNtBvtt+x5HrTMRSKE7UUKsI2vQGX32Hx11zlzwGDwK9xNZ5KBz0Im1jRLc01Yj"
        "+Lu2yLto1T9+dfjrUUk5qZRDanNytYJmlWq5nJXJWQWt4FQKtRJngpEJAYBjOAXLcjLkDSt3RZWc"
        "PBgZxSD3oI4fBmbJGXUSq1ZLk/joacglX4j/LzsQCcZC1DAWWLyVJCBBwCGMl3DopKKoon4vCD3c"
        "ADOSHcFQQjJRQHoO5eenmM1pGWIlEzTKi1Mgovg2oPY8Wir/snzEWxb4+F/TQzdAWqA3ooAUtEAI"
        "Knq6x/SHlZTaWwt0sRrR802ioJdsx2LfKw+uubXitRl15r4bWf7Jg9s38/VEgyjd6uXjtt5jekRf"
        "o3tgX+ahzI53TrY1MYK0KebNTb2D5095pJxgSp16v9y88IxzUYURecs+WTenWyNYtiH9XGoN3U/+"
        "0pM9NbLsSk9o1/xGuEl/MefN0ClZ2pTm3eqtM6we780u6MrW9mnDKjdmd+4M0DfNbjoSF+LY58vu"
        "m7UqMCG+wU98U365TBRe1FbbftOngBEejvEMaCpsuKYL7j+2eeIByflLrUKvAyuu7LVMfnOc7f21"
        "Sd2JdwdvFZd/XT9B4vFWb7p2rCd1Pf9A3Mtdy28rkw2hBAkBfMgAEgszMs8qrTmx9FLXlGE/tM/I"
        "PTPJz5EaUlnq1bJAn7imZub4Za1T97wmTpOUbMgNyvg8a5H39py9L2lW8dajS8/qN1rnVLUMhOue"
        "WqRfVLFrduUX4YHcQL17s7fC8ptaXPdybWnF8rOdh7TTZnwxc/0bWS+WNj4X0lW2MUxoKrReCEwy"
        "d2xP2x/x1fBrnm7bTjR/NiSe+khfn8Ys9u5/yzx6i/SN4x9sc8ab9qY3H14D3+4y+6Wd/GT08Wtt"
        "XMMdiyJn0+Ly7+qrTZPbrzR9aTi1eGf3Xmtyws3CqWFjY+KCrAOaD/3jnxaBXGqJtoP6kups/mBs"
        "fuDSW8UtPvlmz/7gq60ZL+zrOZp/EN10sevGoh8ZkFx6Ys3l8ncLJrB+tqtMVUHtQBV3sbE2bPfA"
        "kp+DDv66MMGpGUXLezwDlVpe5HX6oKQ7JeljrYz6vurYT+13imVh9gvh4025hlczjqn6o7qu+cp9"
        "T83pfHHXkyKThietp1fGHFhwcbWlyDTEXWhqOzHulcwL8yPkO8o3FaZaR2dkzny/J3byyhsyb2PA"
        "15rfLkdU/3pm5JrdqwW8vDrnF3l29yrJ4shvBzO0lzrL4m52dM/bkCw59HRvVMWRO9O2rR8c0rYV"
        "fnNuYt2t9i2GCevGfCZsyCzJa+mY90RjyIoWzU6qX/hM5t3JZxeev13ct/D1sLkrxwztdKZ8XDRW"
        "WbmpIz+52rDh+98BzamMZw=="
    ),
}
