// Only what the charts use, so that nothing else is in the build. This file is loaded when the first chart is shown.
import { BarChart, LineChart, SankeyChart } from 'echarts/charts';
import { GridComponent, TooltipComponent } from 'echarts/components';
import { init, use as register, type ECharts } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';

register([SankeyChart, BarChart, LineChart, GridComponent, TooltipComponent, CanvasRenderer]);

export { init, type ECharts };
