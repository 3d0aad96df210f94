-- Superset, table: communes whose declared movement differs most from their own list
select
    commune.name as commune_name,
    movement.review_year,
    movement.counted,
    movement.poor_end,
    movement.declared_poor_end,
    movement.gap_poor_end,
    abs(coalesce(movement.gap_poor_end, 0)) + abs(coalesce(movement.gap_near_poor_end, 0)) as gap
from mart.fct_poverty_movement as movement
left join mart.dim_admin_unit as commune on movement.admin_unit_key = commune.admin_unit_key
where movement.declared_poor_end is not null
order by gap desc, commune.name asc
limit 50
